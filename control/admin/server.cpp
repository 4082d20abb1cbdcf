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

template <typename Acceptor>
Awaitable<void> accept_loop(std::shared_ptr<Shared> shared, std::shared_ptr<Acceptor> acceptor,
                            Door door) {
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
  while (acceptor->is_open()) {
    auto [error, socket] = co_await acceptor->async_accept(kToken);
    if (!acceptor->is_open()) co_return;
    if (error) {  // EMFILE and similar: wait, or this loop would spin
      asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(100));
      co_await pause.async_wait(kToken);
      continue;
    }
    std::string peer = peer_name(socket);
    Wire wire(Wire::Plain(asio::generic::stream_protocol::socket(std::move(socket))));
    asio::co_spawn(acceptor->get_executor(),
                   run_session(shared, std::move(wire), door, std::move(peer)), asio::detached);
  }
}

template <typename Acceptor>
void serve(std::shared_ptr<Shared> shared, std::shared_ptr<Acceptor> acceptor, Door door) {
  shared->close_listeners.emplace_back([acceptor] {
    boost::system::error_code ignored;
    acceptor->close(ignored);
  });
  asio::co_spawn(acceptor->get_executor(), accept_loop(shared, acceptor, door), asio::detached);
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

  std::string start(const std::shared_ptr<admin::Shared>& self);
  std::string start_api(const std::shared_ptr<admin::Shared>& self);
  std::string start_unix(const std::shared_ptr<admin::Shared>& self);
  std::string listen(const std::shared_ptr<admin::Shared>& self, const std::string& where,
                     config::Address& address, admin::Door door);

  asio::io_context& io;
  config::Admin config;
  config::Address bound;
  std::optional<config::Address> probes_bound;
};

// `address` gets the port that was taken when it has 0.
std::string Listening::listen(const std::shared_ptr<admin::Shared>& self, const std::string& where,
                              config::Address& address, admin::Door door) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  if (error) return where + ": not an IP address";
  const tcp::endpoint endpoint(ip, address.port);
  auto acceptor = std::make_shared<tcp::acceptor>(io);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return where + ": " + error.message();
  address.port = acceptor->local_endpoint().port();
  admin::serve(self, std::move(acceptor), door);
  return "";
}

std::string Listening::start(const std::shared_ptr<admin::Shared>& self) {
  places.emplace(limits.strangers, limits.callers);
  std::string problem = config.unix_path.empty() ? start_api(self) : start_unix(self);
  if (!problem.empty() || !config.probes) return problem;
  probes_bound = *config.probes;
  const std::string where =
      "admin.probes " + probes_bound->host + ":" + std::to_string(probes_bound->port);
  return listen(self, where, *probes_bound, admin::Door::Probes);
}

std::string Listening::start_api(const std::shared_ptr<admin::Shared>& self) {
  const std::string where =
      "admin address " + config.listen.host + ":" + std::to_string(config.listen.port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(config.listen.host, error);
  if (!error && config.tokens.empty() && !address.is_loopback()) {
    return where + ": without admin.tokens the API binds only to loopback or a unix socket";
  }
  bound = config.listen;
  return listen(self, where, bound, admin::Door::Api);
}

std::string Listening::start_unix(const std::shared_ptr<admin::Shared>& self) {
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
  admin::serve(self, std::move(acceptor), admin::Door::Api);
  close_listeners.emplace_back([path = config.unix_path] { ::unlink(path.c_str()); });
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
  return static_cast<Listening&>(*shared_).start(shared_);
}

config::Address AdminServer::address() const {
  return static_cast<const Listening&>(*shared_).bound;
}

std::optional<config::Address> AdminServer::probes_address() const {
  return static_cast<const Listening&>(*shared_).probes_bound;
}

void AdminServer::use_tls(std::shared_ptr<const net::TlsServerContext> tls) {
  shared_->tls = std::move(tls);
}

void AdminServer::adopt(const config::Admin& config) {
  shared_->auth.adopt(config.tokens);
  shared_->hosts = admin::HostPolicy(config);
  if (!shared_->places) return;
  shared_->places->for_each([this](admin::Place& place) {
    if (!place.following || place.gone || shared_->auth.open()) return;
    const auto now = shared_->auth.holder_of(place.token);
    if (now && now->name == place.holder) return;
    place.gone = true;
    place.close();
  });
}

void AdminServer::when_settled(std::function<void()> done) {
  if (shared_->changes == 0) return done();
  shared_->when_settled = std::move(done);
}

void AdminServer::stop() {
  shared_->when_settled = nullptr;
  for (const auto& close : std::exchange(shared_->close_listeners, {})) close();
  if (shared_->places) shared_->places->for_each([](admin::Place& place) { place.close(); });
}

}  // namespace cutwater::control
