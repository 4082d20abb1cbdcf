// Exchanges whose response has no end of its own: tunnels, event streams, gRPC streams. Every other
// request chooses its version anew and is soon over; these would stay on a version that was taken
// back, or hold a drain up, for as long as their clients like. The proxy ends them, each at a
// moment of its own: clients told all at once would all come back at once.
// Thread: the worker.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/http/stream.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::exchange {

// Why the proxy ended an exchange that would not end.
enum class EndedFor : std::uint8_t { Nothing, Withdrawal, Drain };
std::string_view to_string(EndedFor reason);  // "withdrawn", "drained": for the log and metrics

class EndlessExchanges;

// One of them, from the head of its response to its end. `upstream` and `version` outlive it.
class EndlessExchange : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  EndlessExchange(EndlessExchanges& all, const routing::VersionSnapshot& version,
                  http::UpstreamStream& upstream);
  EndlessExchange(const EndlessExchange&) = delete;
  EndlessExchange& operator=(const EndlessExchange&) = delete;

  // Nothing: it has not been cut. Otherwise the read from the upstream failed with Cancelled.
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

  // By the snapshot that has just come into force: ends those on withdrawn versions within their
  // service's timeouts.revert_grace, and lets those stay whose version was let in again.
  void on_switch(const routing::RoutingSnapshot& snapshot);
  // Ends all that run or begin from now on, each between `from` and `until`.
  void drain(TimePoint from, TimePoint until);

 private:
  friend class EndlessExchange;
  using List = boost::intrusive::list<EndlessExchange, boost::intrusive::constant_time_size<false>>;
  struct Withdrawn {
    const guard::VersionMonitor* version;  // of the snapshot in force
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

// The end of a response that the proxy cut short, as far as its protocol can say so: a half-close
// for a tunnel, the last chunk of an event stream, UNAVAILABLE for a gRPC call, which its client
// may make again. A body that owes bytes is broken off.
Task<void> say_goodbye(http::DownstreamStream& downstream, const http::ResponseHead& response,
                       bool grpc);

}  // namespace cutwater::exchange
