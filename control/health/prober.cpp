#include "control/health/prober.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cstring>
#include <exception>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "control/base/endpoint_address.hpp"
#include "control/health/grpc_probe.hpp"
#include "proxy/net/proxy_protocol.hpp"
#include "proxy/net/tls_client_context.hpp"

namespace cutwater::control::health {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t kMaxHeadBytes = 8 * 1024;
constexpr int kMisdirected = 421;

asio::awaitable<void> sleep_on_timer(config::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

// A service with many endpoints is not asked in one burst.
config::Duration spread_start(config::Duration interval) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const auto most = std::min<config::Duration>(interval, std::chrono::seconds(1)).count();
  return config::Duration(std::uniform_int_distribution<config::Duration::rep>(0, most)(random));
}

std::string describe(const char* step, boost::system::error_code failed, const Target& target) {
  if (failed == beast::error::timeout)
    return "no answer within " + std::to_string(target.health.timeout.count()) + " ms";
  return std::string(step) + ": " + failed.message();
}

std::string host_of(const Target& target) {
  return target.health.host.empty() ? std::string(target.endpoint->authority())
                                    : target.health.host;
}

tcp::endpoint probed_address(const Target& target) {
  tcp::endpoint address = address_of(*target.endpoint);
  if (target.health.port != 0) address.port(target.health.port);
  return address;
}

// Sends the request and reads the answer over a connection that is ready for them. nullopt means
// healthy.
template <typename Stream>
asio::awaitable<std::optional<std::string>> ask_over(Stream& stream, Target target) {
  const auto await_error = [](auto& failed) {
    return asio::redirect_error(asio::use_awaitable, failed);
  };
  boost::system::error_code failed;
  if (target.health.grpc) {
    const bool tls = target.endpoint->options().tls != nullptr;
    GrpcProbe probe(host_of(target), target.health.grpc_service, tls);
    std::array<char, 4096> answer;
    while (!probe.done()) {
      const std::string out = probe.take_output();
      co_await asio::async_write(stream, asio::buffer(out), await_error(failed));
      if (failed) co_return describe("write", failed, target);
      const auto size = co_await stream.async_read_some(asio::buffer(answer), await_error(failed));
      if (failed) co_return describe("read", failed, target);
      probe.feed({answer.data(), size});
    }
    co_return probe.problem();
  }
  http::request<http::empty_body> request{http::verb::get, target.health.path, 11};
  request.set(http::field::host, host_of(target));
  request.set(http::field::user_agent, "cutwater-health/" CUTWATER_VERSION);
  for (const auto& [name, value] : target.health.headers) request.set(name, value);
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, await_error(failed));
  if (failed) co_return describe("write", failed, target);

  beast::flat_buffer buffer;
  http::response_parser<http::empty_body> parser;
  parser.header_limit(kMaxHeadBytes);
  co_await http::async_read_header(stream, buffer, parser, await_error(failed));
  if (failed) co_return describe("read", failed, target);

  const int status = static_cast<int>(parser.get().result_int());
  const config::Health& health = target.health;
  if (health.status_from <= status && status <= health.status_to) co_return std::nullopt;
  // The server is well, and only does not know the name that we made up (RFC 9110 15.5.20).
  if (status == kMisdirected && health.host.empty()) co_return std::nullopt;
  co_return "answered " + std::to_string(status);
}

// The probe uses the same trust and the same name as requests.
asio::awaitable<std::optional<std::string>> ask_securely(beast::tcp_stream plain, Target target) {
  const net::TlsClientContext& tls = *target.endpoint->options().tls;
  SSL_CTX_up_ref(tls.native());
  asio::ssl::context context(tls.native());
  beast::ssl_stream<beast::tcp_stream> stream(std::move(plain), context);
  net::expect_name(stream.native_handle(), tls.name_for(target.endpoint->options().host));
  const std::string_view alpn = target.health.grpc ? "\x02h2" : "\x08http/1.1";
  SSL_set_alpn_protos(stream.native_handle(), reinterpret_cast<const unsigned char*>(alpn.data()),
                      static_cast<unsigned>(alpn.size()));
  boost::system::error_code failed;
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, failed));
  if (failed) {
    const long why = SSL_get_verify_result(stream.native_handle());
    if (why != X509_V_OK)
      co_return std::string("TLS handshake: ") + X509_verify_cert_error_string(why);
    co_return describe("TLS handshake", failed, target);
  }
  co_return co_await ask_over(stream, target);
}

}  // namespace

asio::awaitable<std::optional<std::string>> ask(Target target) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(target.health.timeout);  // for connect, write and read together
  const auto await_error = [](auto& failed) {
    return asio::redirect_error(asio::use_awaitable, failed);
  };
  boost::system::error_code failed;

  co_await stream.async_connect(probed_address(target), await_error(failed));
  if (failed) co_return describe("connect", failed, target);

  if (target.endpoint->options().send_proxy) {
    co_await asio::async_write(stream, asio::buffer(net::kLocalProxyHeader), await_error(failed));
    if (failed) co_return describe("write", failed, target);
  }
  if (!target.endpoint->options().tls) co_return co_await ask_over(stream, target);
  co_return co_await ask_securely(std::move(stream), target);
}

// Holds what the coroutines share with the prober; it lives until the last of them has ended.
struct HealthProber::Shared {
  OnChange on_change;
  ProbeTime time;

  static asio::awaitable<void> run(std::shared_ptr<Shared> shared, std::shared_ptr<Probe> probe);
  void note(Probe& probe, const std::optional<std::string>& problem);
};

struct HealthProber::Probe {
  Target target;
  TimePoint first_seen;
  int failures = 0;        // in a row
  bool succeeded = false;  // succeeded at least once, so the start period is over
  bool retired = false;
  asio::cancellation_signal cancel;

  bool starting(TimePoint now) const {
    return !succeeded && now - first_seen < target.health.start_period;
  }
};

asio::awaitable<void> HealthProber::Shared::run(std::shared_ptr<Shared> shared,
                                                std::shared_ptr<Probe> probe) {
  config::Duration delay = shared->time.first_delay(probe->target.health.interval);
  while (!probe->retired) {
    co_await shared->time.sleep(delay);
    if (probe->retired) co_return;
    const std::optional<std::string> problem = co_await ask(probe->target);
    if (probe->retired) co_return;
    shared->note(*probe, problem);
    delay = probe->target.health.interval;
  }
}

void HealthProber::Shared::note(Probe& probe, const std::optional<std::string>& problem) {
  upstream::Endpoint& endpoint = *probe.target.endpoint;
  if (!problem) {
    probe.failures = 0;
    probe.succeeded = true;
    if (endpoint.healthy()) return;
    endpoint.set_healthy(true);
    const Target target = probe.target;
    const std::string what = target.health.grpc ? "the gRPC health check" : target.health.path;
    on_change(target, true, "answered " + what + " again");
    return;
  }
  if (probe.starting(time.now())) return;
  ++probe.failures;
  if (probe.failures < probe.target.health.unhealthy_after || !endpoint.healthy()) return;
  endpoint.set_healthy(false);
  const Target target = probe.target;
  on_change(target, false,
            std::to_string(probe.failures) + " failures in a row, the last: " + *problem);
}

HealthProber::HealthProber(asio::io_context& context, OnChange on_change)
    : HealthProber(context, std::move(on_change),
                   {[] { return Clock::now(); }, sleep_on_timer, spread_start}) {}

HealthProber::HealthProber(asio::io_context& context, OnChange on_change, ProbeTime time)
    : context_(context), shared_(std::make_shared<Shared>()) {
  shared_->on_change = std::move(on_change);
  shared_->time = std::move(time);
}

HealthProber::~HealthProber() {
  stop();
}

void HealthProber::update(std::vector<Target> targets) {
  std::set<Key> wanted;
  for (Target& target : targets) {
    if (!target.health.enabled) continue;
    const Key key{target.service, target.version, target.endpoint->id()};
    wanted.insert(key);
    const auto known = probes_.find(key);
    if (known == probes_.end())
      start(key, std::move(target));
    else
      known->second->target = std::move(target);
  }
  for (auto it = probes_.begin(); it != probes_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const std::shared_ptr<Probe> gone = it->second;
    it = probes_.erase(it);
    gone->target.endpoint->set_healthy(true);
    retire(*gone);
  }
}

void HealthProber::stop() {
  const auto probes = std::exchange(probes_, {});
  for (const auto& [key, probe] : probes) retire(*probe);
}

void HealthProber::start(const Key& key, Target target) {
  auto probe = std::make_shared<Probe>();
  probe->target = std::move(target);
  probe->first_seen = shared_->time.now();
  probes_.emplace(key, probe);
  // A cancelled probe ends orderly, by an exception out of its wait. Anything else (out of
  // descriptors, out of memory) must not end the checks silently.
  const auto on_end = [probe](std::exception_ptr error) {
    if (error && !probe->retired) std::rethrow_exception(error);
  };
  asio::co_spawn(context_, Shared::run(shared_, probe),
                 asio::bind_cancellation_slot(probe->cancel.slot(), on_end));
}

void HealthProber::retire(Probe& probe) {
  probe.retired = true;
  probe.cancel.emit(asio::cancellation_type::terminal);
}

}  // namespace cutwater::control::health
