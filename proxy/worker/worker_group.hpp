// Shows the data plane to control: N worker threads, one snapshot, counters.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/net/tls_server_context.hpp"
#include "proxy/routing/snapshot.hpp"
#include "proxy/stats/proxy_totals.hpp"

namespace cutwater::worker {

struct Options {
  unsigned workers = 1;
  std::vector<config::Listener> listeners;
  config::Limits limits;
  config::AccessLog access_log;
  // The contexts stand by place in `listeners`; an entry is null where nothing is encrypted, and
  // the list may be shorter.
  std::vector<std::shared_ptr<const net::TlsServerContext>> tls = {};
  // On a drain, clients are told to leave within this time, each at a different moment. 0 tells
  // them at once.
  config::Duration drain_spread{0};
  // stop() comes this long after drain(). Tunnels and endless streams are ended before that, each
  // at a different moment. With 0, only stop() ends them.
  config::Duration drain_timeout{0};
};

struct BoundListener {
  std::string name;
  config::Address address;  // with the actual port when 0 was asked for
};

class WorkerGroup {
 public:
  explicit WorkerGroup(Options options);
  ~WorkerGroup();  // stops at once
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;

  // Binds every listener, opens the access log, starts the threads. Returns an empty string on
  // success, else a message for a person ("listener http: cannot bind 0.0.0.0:80: permission
  // denied"); then nothing was started.
  std::string start(std::shared_ptr<const routing::RoutingSnapshot> snapshot);
  const std::vector<BoundListener>& listeners() const;

  // Any thread may call it. `on_switched` runs on the last worker to switch, when no worker will
  // start another request by an older snapshot; it must only hand over to another thread.
  void publish(std::shared_ptr<const routing::RoutingSnapshot> snapshot,
               std::function<void()> on_switched = {});

  // Sets new certificates for the listener at this place; handshakes that began keep the old ones.
  void switch_tls(std::size_t listener, std::shared_ptr<const net::TlsServerContext> tls);
  // Counts the requests and tunnels under way to these endpoints, by id, over all workers. Any
  // thread may call it; `counted` runs on a worker and must only hand over.
  void count_active(const std::vector<std::uint32_t>& endpoints,
                    std::function<void(std::uint64_t)> counted);

  // Stops accepting, tells keep-alive clients to leave, and calls `on_drained` (on a worker) when
  // the last exchange has ended. Tunnels count. Call stop() at the deadline.
  void drain(std::function<void()> on_drained);
  void stop();  // closes everything and joins; idempotent

  // Reopens the access log on SIGUSR1, after logrotate. `done` is told why the file cannot be
  // opened, and once more, with an empty text, when it is open; both on the log's own thread. Lines
  // go to the old file until then.
  void reopen_access_log(std::function<void(const std::string& problem)> done);
  stats::ProxyTotals totals() const;  // any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cutwater::worker
