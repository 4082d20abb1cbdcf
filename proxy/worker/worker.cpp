#include "proxy/worker/worker.hpp"

#include <unistd.h>

#include "proxy/base/random.hpp"
#include "proxy/worker/greeting.hpp"

namespace cutwater::worker {

namespace {

constexpr std::size_t kBodyBlock = 64 * 1024;
constexpr std::size_t kEarlyBody = 4 * 1024;  // room behind a full-size head
constexpr std::size_t kFreeBlocks = 256;      // kept warm; what a burst needs beyond that is given
                                              // back
constexpr Milliseconds kLogFlush{200};

exchange::Snapshot hold(Worker::SnapshotPtr snapshot) {
  return exchange::Snapshot(
      new const std::shared_ptr<const routing::RoutingSnapshot>(std::move(snapshot)));
}

}  // namespace

Worker::Worker(unsigned index, SharedSetup& shared, std::vector<ListenerSetup> listeners,
               SnapshotPtr snapshot)
    : shared_(shared),
      head_blocks_(shared.limits.header_bytes + kEarlyBody, kFreeBlocks),
      body_blocks_(kBodyBlock, kFreeBlocks),
      scratch_(kBodyBlock),
      client_context_{.loop = loop_,
                      .body_blocks = body_blocks_,
                      .scratch = scratch_,
                      .response_limits = {shared.limits.response_header_bytes,
                                          shared.limits.response_fields, 0},
                      .http2 = &shared.limits.http2,
                      .on_http2_abuse = [this](http::Http2Abuse abuse) { note_abuse(abuse); }},
      pool_(client_context_, counters_, [this](std::uint32_t endpoint) { note_desync(endpoint); }),
      log_(shared.log_enabled ? std::make_unique<exchange::AccessLog>(shared.access_log) : nullptr),
      mirror_(loop_, pool_, body_blocks_, index),
      exchange_context_{.worker = index,
                        .loop = loop_,
                        .pool = pool_,
                        .blocks = body_blocks_,
                        .counters = counters_,
                        .log = log_.get(),
                        .snapshot = hold(std::move(snapshot)),
                        .retries = {},
                        .dice = {},
                        .cookie_ids = {},
                        .endless = exchange::EndlessExchanges(loop_),
                        .mirror = &mirror_},
      server_context_{.loop = loop_,
                      .limits = shared.limits,
                      .head_blocks = head_blocks_,
                      .body_blocks = body_blocks_,
                      .scratch = scratch_,
                      .run_exchange = {},
                      .on_bad_request = {},
                      .http2_streams = &http2_streams_,
                      .offenders = &shared.offenders,
                      .on_http2_abuse = {},
                      .on_refused_stream = {}},
      setups_(std::move(listeners)),
      log_timer_(this, &flush_log) {
  server_context_.run_exchange = [this](http::DownstreamStream& stream) {
    return exchange::run_exchange(exchange_context_, stream);
  };
  server_context_.on_bad_request = [this](const http::ClientInfo& client, http::BadHead bad,
                                          int status) {
    counters_.bad_requests[static_cast<std::size_t>(bad)].add();
    if (status > 0) counters_.local_replies[static_cast<std::size_t>(status)].add();
    if (log_) log_refused(client, status == 408 ? "timeout" : to_string(bad), status);
  };
  server_context_.on_claim_taken = [this](config::ClientClaim claim) {
    counters_.claims_taken[static_cast<std::size_t>(claim)].add();
  };
  server_context_.on_http2_abuse = [this](http::Http2Abuse abuse) { note_abuse(abuse); };
  server_context_.on_refused_stream = [this] { counters_.refused_streams.add(); };
  server_context_.on_lost = [this](const http::ClientInfo& client, std::string_view why) {
    if (log_) log_refused(client, why, 0);
  };
}

Worker::~Worker() = default;

void Worker::run() {
  for (const ListenerSetup& setup : setups_) {
    listeners_.push_back(std::make_unique<net::Listener>(
        loop_, setup.fd,
        [this, &setup](int fd, const sockaddr_storage& peer) { accept(setup, fd, peer); },
        [this] { counters_.accept_errors.add(); }));
  }
  if (log_) flush_log(this);
  loop_.run();
  listeners_.clear();
  if (log_) log_->flush();
}

// Charged to whichever version runs there now, beside its attempts, all of which may have ended
// well.
void Worker::note_desync(std::uint32_t endpoint) {
  const stats::AttemptResult desync{.outcome = stats::Outcome::Desync, .latency_valid = false};
  for (const auto& service : (*exchange_context_.snapshot)->services)
    for (const routing::VersionSnapshot& version : service->versions)
      for (const auto& known : version.endpoints) {
        if (known->id() != endpoint) continue;
        known->note_desync();
        version.monitor->record(exchange_context_.worker, desync, Clock::now());
      }
}

void Worker::accept(const ListenerSetup& listener, int fd, const sockaddr_storage& peer) {
  const net::IpAddress ip = net::ip_of(peer);
  // Behind a PROXY header stands another client than the peer; it is counted when it is known.
  const bool exempt = listener.proxy_protocol || listener.trusts(ip) || ip.is_loopback();
  auto place = shared_.quota.try_enter(ip, exempt);
  if (!place || stopping_) {
    counters_.refused.add();
    ::close(fd);
    return;
  }
  counters_.accepted.add();
  counters_.downstream_open.up();
  auto connection = std::make_unique<Connection>(loop_, fd, listener, std::move(place));
  connection->addresses.source = ip;
  connection->addresses.source_port = net::port_of(peer);
  sockaddr_storage here{};
  socklen_t length = sizeof here;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &length) == 0) {
    connection->addresses.destination = net::ip_of(here);
    connection->addresses.destination_port = net::port_of(here);
  }
  connections_.push_back(*connection);
  spawn(serve(std::move(connection)));
}

Task<void> Worker::serve(std::unique_ptr<Connection> connection) {
  bool ready = true;
  if (connection->needs_greeting()) {
    const GreetingContext context{loop_, shared_.limits, shared_.quota, counters_};
    ready = co_await greet(*connection, context);
  }
  if (ready && connection->transport.alpn() == "h2") {
    co_await serve_http2(*connection, std::string());
  } else if (ready) {
    connection->http.emplace(server_context_, connection->transport, peer_of(*connection));
    const auto end = co_await connection->http->serve();
    if (end == http::Http1ServerConnection::End::Http2)
      co_await serve_http2(*connection, connection->http->take_first_bytes());
  }
  connection.reset();
  counters_.downstream_open.down();
  check_drained();
}

http::Http1ServerConnection::Peer Worker::peer_of(const Connection& connection) {
  const ListenerSetup& listener = connection.listener;
  const net::IpAddress& ip = connection.addresses.source;
  // Over TLS the protocol is what ALPN says, or HTTP/1.1 (tests/HARDENING.md H28).
  return {ip.to_string(),           listener.trusts(ip),   listener.name,
          connection.tls.get(),     &connection.addresses, listener.http2 && !listener.tls,
          listener.trusted_proxies, listener.keep_headers, listener.via};
}

Task<void> Worker::serve_http2(Connection& connection, std::string first) {
  counters_.accepted_http2.add();
  counters_.downstream_http2.up();
  connection.http2 = std::make_unique<http::Http2ServerConnection>(
      server_context_, connection.transport, peer_of(connection));
  connection.http.reset();
  if (stopping_) connection.abort();
  co_await connection.http2->serve(std::move(first));
  counters_.downstream_http2.down();
}

void Worker::check_drained() {
  if (!connections_.empty()) return;
  if (stopping_ && mirror_.idle() && pool_.has_ended()) loop_.stop();
  if (drained_) std::exchange(drained_, nullptr)();
}

void Worker::switch_to(SnapshotPtr snapshot, std::function<void()> switched) {
  loop_.post([this, snapshot = std::move(snapshot), switched = std::move(switched)]() mutable {
    exchange_context_.snapshot = hold(std::move(snapshot));
    exchange_context_.endless.on_switch(**exchange_context_.snapshot);
    switched();
  });
}

void Worker::switch_tls(std::size_t listener, std::shared_ptr<const net::TlsServerContext> tls) {
  loop_.post([this, listener, tls = std::move(tls)] { setups_[listener].tls = tls; });
}

void Worker::count_active(std::vector<std::uint32_t> endpoints,
                          std::function<void(std::uint64_t)> counted) {
  loop_.post([this, endpoints = std::move(endpoints), counted = std::move(counted)] {
    std::uint64_t active = 0;
    for (const std::uint32_t id : endpoints) active += pool_.active(id);
    counted(active);
  });
}

void Worker::drain(std::function<void()> drained) {
  loop_.post([this, drained = std::move(drained)]() mutable {
    listeners_.clear();
    drained_ = std::move(drained);
    server_context_.draining = true;
    // Clients that are told at the same time would all come back at the same time, to the processes
    // that are left.
    const auto spread = std::chrono::duration_cast<Milliseconds>(shared_.drain_spread);
    const auto most = static_cast<std::uint32_t>(spread.count());
    for (Connection& connection : connections_) {
      if (most == 0)
        connection.close_when_idle();
      else
        connection.close_when_idle_at(loop_.now() + Milliseconds(thread_random().below(most)));
    }
    // End them early enough for their clients to come back elsewhere while this process still runs.
    if (shared_.drain_timeout.count() > 0)
      exchange_context_.endless.drain(loop_.now() + shared_.drain_timeout / 2,
                                      loop_.now() + shared_.drain_timeout * 9 / 10);
    check_drained();
  });
}

void Worker::stop() {
  loop_.post([this] {
    stopping_ = true;
    listeners_.clear();
    for (Connection& connection : connections_) connection.abort();
    mirror_.stop([this] { check_drained(); });
    pool_.abort([this] { check_drained(); });
    check_drained();
  });
}

void Worker::log_refused(const http::ClientInfo& client, std::string_view why, int status) {
  exchange::LogRecord record = exchange::record_of(client);
  record.client_ip = client.peer_ip;  // what it said of another client was in no good request
  record.status = status;
  record.outcome = "refused";
  record.reason = why;
  log_->write_refused(record, loop_.now());
}

void Worker::flush_log(void* self) {
  auto* worker = static_cast<Worker*>(self);
  worker->log_->count_refused(worker->loop_.now());
  worker->counters_.log_lines_dropped.add(worker->log_->flush());
  worker->loop_.timers().arm(worker->log_timer_, worker->loop_.now() + kLogFlush);
}

}  // namespace cutwater::worker
