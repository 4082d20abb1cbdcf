// Keeps track of exchanges whose response has no end of its own: tunnels, event streams, gRPC
// streams. Every other request chooses its own version and is soon over. An endless exchange
// would stay on a version that was taken back, or delay a drain, for as long as its client likes.
// The proxy therefore ends each of them at a different moment, because clients that are told at the
// same time would all come back at the same time. Only the worker's thread uses it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/http/stream.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::exchange {

// Says why the proxy ended an exchange that would not end.
enum class EndedFor : std::uint8_t { Nothing, Withdrawal, Drain };
std::string_view to_string(EndedFor reason);  // "withdrawn" or "drained", for the log and metrics

class EndlessExchanges;

// Registers one endless exchange, from the head of its response to its end. `upstream` and
// `version` outlive this object.
class EndlessExchange : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  EndlessExchange(EndlessExchanges& all, const routing::VersionSnapshot& version,
                  http::UpstreamStream& upstream);
  EndlessExchange(const EndlessExchange&) = delete;
  EndlessExchange& operator=(const EndlessExchange&) = delete;

  // Nothing means that the exchange has not been cut. Otherwise the read from the upstream failed
  // with Cancelled.
  EndedFor ended_for() const { return ended_for_; }

 private:
  friend class EndlessExchanges;
  static void cut(void* self);

  EndlessExchanges& all_;
  const guard::VersionMonitor* const version_;
  http::UpstreamStream& upstream_;
  EndedFor due_for_ = EndedFor::Nothing;
  EndedFor ended_for_ = EndedFor::Nothing;
  net::Timer timer_;
};

class EndlessExchanges {
 public:
  explicit EndlessExchanges(net::EventLoop& loop) : loop_(loop) {}

  // Applies the snapshot that has just come into force: ends the exchanges on withdrawn versions
  // within their service's timeouts.revert_grace, and keeps those whose version was let in again.
  void on_switch(const routing::RoutingSnapshot& snapshot);
  // Ends all exchanges that run or begin from now on, each between `from` and `until`.
  void drain(TimePoint from, TimePoint until);

 private:
  friend class EndlessExchange;
  using List = boost::intrusive::list<EndlessExchange, boost::intrusive::constant_time_size<false>>;
  struct Withdrawn {
    const guard::VersionMonitor* version;  // taken from the snapshot in force
    Nanoseconds grace;
  };
  struct Window {
    TimePoint from;
    TimePoint until;
  };

  void schedule(EndlessExchange& exchange);
  TimePoint moment(Window window) const;

  net::EventLoop& loop_;
  List running_;
  std::vector<Withdrawn> withdrawn_;
  std::optional<Window> drain_;
};

// Ends a response that the proxy cut short, as far as its protocol can say so: with a half-close
// for a tunnel, the last chunk of an event stream, or UNAVAILABLE for a gRPC call, which its client
// may make again. A body that owes bytes is broken off.
Task<void> say_goodbye(http::DownstreamStream& downstream, const http::ResponseHead& response,
                       bool grpc);

}  // namespace cutwater::exchange
