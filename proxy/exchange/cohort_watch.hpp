// The part of one request in the comparison of the version under rollout with stable, where the
// service has one. Lives inside one exchange, which pins the snapshot that holds the comparison.
#pragma once

#include <utility>

#include "proxy/guard/comparison.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/routing/assignment.hpp"

namespace cutwater::exchange {

class CohortWatch {
 public:
  // A gRPC call that takes longer than this is a stream: compared as far as it has come.
  static constexpr Seconds kCallsAreOver{1};

  CohortWatch() : timer_(this, &stop_waiting) {}

  // Only for the first attempt of a request, which goes where chance has put it.
  void enter(unsigned worker, const routing::ServiceSnapshot& service,
             const routing::Assignment& assignment) {
    const routing::ComparedVersion& compared = service.compared;
    if (!compared.comparison || !assignment.random) return;
    const bool candidate = assignment.version == compared.candidate;
    if (!candidate && assignment.version != service.stable) return;
    comparison_ = compared.comparison.get();
    ticket_ = comparison_->enter(worker, Clock::now(), {candidate, compared.weight});
  }
  // With how that attempt ended. `comparable`: its latency is the version's, not that of a new
  // connection.
  void leave(unsigned worker, const stats::AttemptResult& result, bool comparable) {
    timer_.disarm();
    const guard::CohortTicket ticket = std::exchange(ticket_, {});
    if (ticket.joined()) comparison_->leave(worker, ticket, result, comparable);
  }
  // With `so_far`, unless it ends before that; a moment that has passed is now. Nobody can compare
  // what may never end, and those who came later wait for it.
  void leave_by(net::EventLoop& loop, TimePoint when, unsigned worker,
                const stats::AttemptResult& so_far) {
    if (when <= loop.now()) return leave(worker, so_far, false);
    worker_ = worker;
    so_far_ = so_far;
    loop.timers().arm(timer_, when);
  }
  // There will be no attempt.
  void give_up(unsigned worker) {
    stats::AttemptResult nothing;
    nothing.outcome = stats::Outcome::ClientAbort;
    leave(worker, nothing, false);
  }

 private:
  static void stop_waiting(void* self) {
    auto* watch = static_cast<CohortWatch*>(self);
    watch->leave(watch->worker_, watch->so_far_, false);
  }

  guard::Comparison* comparison_ = nullptr;
  guard::CohortTicket ticket_;
  unsigned worker_ = 0;
  stats::AttemptResult so_far_;
  net::Timer timer_;
};

}  // namespace cutwater::exchange
