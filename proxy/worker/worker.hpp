// Runs one thread of the data plane with everything it owns: loop, listeners, connections, pools,
// counters. Nothing here is shared with another worker except what arrives by post().
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/exchange/exchange.hpp"
#include "proxy/exchange/mirror.hpp"
#include "proxy/net/listener.hpp"
#include "proxy/worker/connection.hpp"

namespace cutwater::worker {

// Holds what all workers share, read-only or thread-safe; it outlives them.
struct SharedSetup {
  config::Limits limits;
  net::ConnectionQuota quota;
  net::Offenders offenders;
  exchange::AccessLogWriter access_log;
  bool log_enabled = false;
  Nanoseconds drain_spread{0};
  Nanoseconds drain_timeout{0};  // with 0, tunnels and endless streams stay until stop()
};

class Worker {
 public:
  using SnapshotPtr = std::shared_ptr<const routing::RoutingSnapshot>;

  // Takes the listeners' fds. Call run() on the worker's own thread.
  Worker(unsigned index, SharedSetup& shared, std::vector<ListenerSetup> listeners,
         SnapshotPtr snapshot);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run();

  // --- any thread; carried out on the worker's own, in order -----------------------------------
  void switch_to(SnapshotPtr snapshot, std::function<void()> switched);
  // Handshakes that begin from now on use `tls`; `listener` is a place in the list of listeners.
  void switch_tls(std::size_t listener, std::shared_ptr<const net::TlsServerContext> tls);
  // Counts the requests and tunnels under way to these endpoints, by id.
  void count_active(std::vector<std::uint32_t> endpoints,
                    std::function<void(std::uint64_t)> counted);
  // Takes no new connections; `drained` runs when the last one has ended.
  void drain(std::function<void()> drained);
  // Ends every exchange where it stands, then the loop.
  void stop();

  const stats::WorkerCounters& counters() const { return counters_; }

 private:
  using Connections =
      boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>>;

  void accept(const ListenerSetup& listener, int fd, const sockaddr_storage& peer);
  Task<void> serve(std::unique_ptr<Connection> connection);
  static http::Http1ServerConnection::Peer peer_of(const Connection& connection);
  Task<void> serve_http2(Connection& connection, std::string first);
  void check_drained();
  void note_desync(std::uint32_t endpoint);
  void note_abuse(http::Http2Abuse abuse) {
    counters_.http2_abuses[static_cast<std::size_t>(abuse)].add();
  }
  static void flush_log(void* self);
  void log_refused(const http::ClientInfo& client, std::string_view why, int status);

  SharedSetup& shared_;
  net::EventLoop loop_;
  net::BlockPool head_blocks_;
  net::BlockPool body_blocks_;
  std::vector<char> scratch_;
  stats::WorkerCounters counters_;
  http::ClientContext client_context_;
  upstream::ConnectionPool pool_;
  std::unique_ptr<exchange::AccessLog> log_;
  exchange::MirrorSender mirror_;
  exchange::ExchangeContext exchange_context_;
  http::Http2StreamPool http2_streams_;
  http::ServerContext server_context_;
  std::vector<ListenerSetup> setups_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  Connections connections_;
  net::Timer log_timer_;
  std::function<void()> drained_;
  bool stopping_ = false;
};

}  // namespace cutwater::worker
