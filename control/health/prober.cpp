#include "control/health/prober.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <exception>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include "control/base/connection.hpp"
#include "control/base/endpoint_address.hpp"
#include "control/base/http_client.hpp"
#include "control/health/grpc_probe.hpp"
#include "proxy/net/tls_client_context.hpp"

namespace cutwater::control::health {
namespace {

namespace asio = boost::asio;
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

std::string host_of(const Target& target) {
  return target.health.host.empty() ? std::string(target.endpoint->authority())
                                    : target.health.host;
}

tcp::endpoint probed_address(const Target& target) {
  tcp::endpoint address = address_of(*target.endpoint);
  if (target.health.port != 0) address.port(target.health.port);
  return address;
}

// Each of the steps of a probe returns what went wrong, for a person.
using Problem = std::optional<std::string>;

// The probe uses the same trust and the same name as requests.
asio::awaitable<Problem> start_tls(Connection& connection, const Target& target) {
  const upstream::EndpointOptions& options = target.endpoint->options();
  net::SslPtr ssl = options.tls->make_ssl(options.host, nullptr);
  const std::string_view alpn = target.health.grpc ? "\x02h2" : "\x08http/1.1";
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                      static_cast<unsigned>(alpn.size()));
  const SSL* const session = ssl.get();
  const Connection::Error failed = co_await connection.start_tls(std::move(ssl));
  if (!failed) co_return std::nullopt;
  const long why = SSL_get_verify_result(session);
  if (why != X509_V_OK)
    co_return std::string("TLS handshake: ") + X509_verify_cert_error_string(why);
  co_return connection.describe("TLS handshake", failed);
}

asio::awaitable<Problem> ask_grpc(Connection& connection, const Target& target) {
  const bool tls = target.endpoint->options().tls != nullptr;
  GrpcProbe probe(host_of(target), target.health.grpc_service, tls);
  std::array<char, 4096> answer;
  while (!probe.done()) {
    const std::string out = probe.take_output();
    const Connection::Error not_written = co_await connection.write(out);
    if (not_written) co_return connection.describe("write", not_written);
    const auto [not_read, size] = co_await connection.read_some(answer);
    if (not_read) co_return connection.describe("read", not_read);
    probe.feed({answer.data(), size});
  }
  co_return probe.problem();
}

asio::awaitable<Problem> ask_path(Connection& connection, const Target& target) {
  const config::Health& health = target.health;
  HttpRequest request;
  request.method = "GET";
  request.fields = health.headers;
  request.fields.emplace(request.fields.begin(), "User-Agent", "cutwater-health/" CUTWATER_VERSION);
  request.max_head = kMaxHeadBytes;
  request.head_only = true;
  HttpUrl url;
  url.authority = host_of(target);
  url.target = health.path;
  const HttpOutcome outcome = co_await exchange_http(connection, request, url);
  if (!outcome.answer) co_return outcome.error;
  const int status = outcome.answer->status;
  if (health.status_from <= status && status <= health.status_to) co_return std::nullopt;
  // The server is well, and only does not know the name that we made up (RFC 9110 15.5.20).
  if (status == kMisdirected && health.host.empty()) co_return std::nullopt;
  co_return "answered " + std::to_string(status);
}

}  // namespace

asio::awaitable<std::optional<std::string>> ask(Target target) {
  Connection connection(co_await asio::this_coro::executor, target.health.timeout);
  const upstream::EndpointOptions& options = target.endpoint->options();
  std::vector<tcp::endpoint> addresses(1, probed_address(target));
  Problem problem = co_await connection.connect(std::move(addresses), options.send_proxy);
  if (!problem && options.tls) problem = co_await start_tls(connection, target);
  if (problem) co_return problem;
  if (target.health.grpc) co_return co_await ask_grpc(connection, target);
  co_return co_await ask_path(connection, target);
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
