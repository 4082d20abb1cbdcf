#include "control/admin/server.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "control/admin/session.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;

namespace admin {
namespace {

std::string peer_name(const tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? std::string("unknown") : endpoint.address().to_string();
}
std::string peer_name(const Local::socket&) {
  return "unix";
}

// Returns true when there is a place for one more connection: if need be, the connection that has
// been idle longest gives up its place, so that idle connections cannot keep an operator out.
bool make_room(Shared& shared) {
  if (shared.sessions.size() < shared.limits.connections) return true;
  for (Session* session : shared.sessions) {
    if (!session->idle()) continue;
    session->close();
    return true;
  }
  return false;
}

template <typename Acceptor>
Awaitable<void> accept_loop(std::shared_ptr<Shared> shared, std::shared_ptr<Acceptor> acceptor) {
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
  while (acceptor->is_open()) {
    auto [error, socket] = co_await acceptor->async_accept(kToken);
    if (!acceptor->is_open()) co_return;
    if (error) {  // EMFILE and similar: wait, or this loop would spin
      asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(100));
      co_await pause.async_wait(kToken);
      continue;
    }
    if (!make_room(*shared)) {
      static constexpr std::string_view kBusy =
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
          "Connection: close\r\n\r\n";
      socket.non_blocking(true, error);
      socket.write_some(asio::buffer(kBusy), error);
      continue;
    }
    std::string peer = peer_name(socket);
    Stream stream(asio::generic::stream_protocol::socket(std::move(socket)));
    asio::co_spawn(acceptor->get_executor(),
                   run_session(shared, std::move(stream), std::move(peer)), asio::detached);
  }
}

template <typename Acceptor>
void serve(std::shared_ptr<Shared> shared, std::shared_ptr<Acceptor> acceptor) {
  shared->close_listener = [acceptor] {
    boost::system::error_code ignored;
    acceptor->close(ignored);
  };
  asio::co_spawn(acceptor->get_executor(), accept_loop(shared, acceptor), asio::detached);
}

// A socket file on which nobody listens is left over from a killed process.
bool is_stale_socket(asio::io_context& io, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  Local::socket probe(io);
  boost::system::error_code error;
  probe.connect(Local::endpoint(path), error);
  return error == asio::error::connection_refused;
}

}  // namespace
}  // namespace admin

// Holds the listener's side, which is kept out of Shared because sessions must not touch it.
struct Listening : admin::Shared {
  Listening(asio::io_context& the_io, const config::Admin& the_config,
            const Resources& the_resources, Idempotency& the_idempotency, MetricsText text)
      : admin::Shared(the_config, the_resources, the_idempotency, std::move(text)),
        io(the_io),
        config(the_config) {}

  std::string start_tcp(std::shared_ptr<admin::Shared> self);
  std::string start_unix(std::shared_ptr<admin::Shared> self);

  asio::io_context& io;
  config::Admin config;
  config::Address bound;
};

std::string Listening::start_tcp(std::shared_ptr<admin::Shared> self) {
  const std::string where =
      "admin address " + config.listen.host + ":" + std::to_string(config.listen.port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(config.listen.host, error);
  if (error) return where + ": not an IP address";
  if (config.tokens.empty() && !address.is_loopback()) {
    return where + ": without admin.tokens the API binds only to loopback or a unix socket";
  }
  const tcp::endpoint endpoint(address, config.listen.port);
  auto acceptor = std::make_shared<tcp::acceptor>(io);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return where + ": " + error.message();
  bound = {config.listen.host, acceptor->local_endpoint().port()};
  admin::serve(std::move(self), std::move(acceptor));
  return "";
}

std::string Listening::start_unix(std::shared_ptr<admin::Shared> self) {
  const std::string where = "admin socket " + config.unix_path;
  if (config.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return where + ": longer than a unix socket path may be (" +
           std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes)";
  }
  if (admin::is_stale_socket(io, config.unix_path)) ::unlink(config.unix_path.c_str());
  boost::system::error_code error;
  auto acceptor = std::make_shared<Local::acceptor>(io);
  acceptor->open(Local(), error);
  // Group members may ask, others may not. The mask closes the gap between bind and chmod.
  const mode_t mask = ::umask(0117);
  if (!error) acceptor->bind(Local::endpoint(config.unix_path), error);
  ::umask(mask);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return where + ": " + error.message();
  bound = {config.unix_path, 0};
  admin::serve(std::move(self), std::move(acceptor));
  close_listener = [close = std::move(close_listener), path = config.unix_path] {
    close();
    ::unlink(path.c_str());
  };
  return "";
}

AdminServer::AdminServer(asio::io_context& io, const config::Admin& config,
                         const Resources& resources, Idempotency& idempotency, MetricsText metrics)
    : shared_(std::make_shared<Listening>(io, config, resources, idempotency, std::move(metrics))) {
  shared_->openapi_text = to_text(admin::openapi(admin::routes()));
}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::set_limits(const AdminLimits& limits) {
  shared_->limits = limits;
}

std::string AdminServer::start() {
  auto& listening = static_cast<Listening&>(*shared_);
  return listening.config.unix_path.empty() ? listening.start_tcp(shared_)
                                            : listening.start_unix(shared_);
}

config::Address AdminServer::address() const {
  return static_cast<const Listening&>(*shared_).bound;
}

void AdminServer::when_settled(std::function<void()> done) {
  if (shared_->changes == 0) return done();
  shared_->when_settled = std::move(done);
}

void AdminServer::stop() {
  shared_->when_settled = nullptr;
  if (shared_->close_listener) std::exchange(shared_->close_listener, nullptr)();
  for (admin::Session* session : shared_->sessions) session->close();
}

}  // namespace cutwater::control
