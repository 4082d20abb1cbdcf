// Represents one request in the comparisons of its service, where there are any: of the version
// under rollout with stable, and of a ramping flag with its control group. It lives inside one
// exchange, which pins the snapshot that holds the comparisons.
#pragma once

#include <utility>

#include "proxy/guard/comparison.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/routing/assignment.hpp"

namespace cutwater::exchange {

class CohortWatch {
 public:
  // A gRPC call that takes longer than this is a stream, and is compared as far as it has come.
  static constexpr Seconds kCallsAreOver{1};

  CohortWatch() : timer_(this, &stop_waiting) {}

  // Enters the comparison. Call it only for the first attempt of a request, which goes where the
  // random assignment has put it.
  void enter(unsigned worker, const routing::ServiceSnapshot& service,
             const routing::Assignment& assignment) {
    if (service.compared.comparison) enter_rollout(worker, service, assignment);
    if (assignment.draw.comparison != nullptr) enter_flag(worker, assignment);
  }
  // Leaves the comparison with the result of that attempt. `comparable` says that the latency is
  // the version's, not that of a new connection.
  void leave(unsigned worker, const stats::AttemptResult& result, bool comparable) {
    timer_.disarm();
    rollout_.leave(worker, result, comparable);
    flag_.leave(worker, result, comparable);
  }
  // Leaves at `when` with `so_far`, unless the request ends before that; a moment that has passed
  // counts as now. A request that may never end cannot be compared, and requests that came later
  // wait for it.
  void leave_by(net::EventLoop& loop, TimePoint when, unsigned worker,
                const stats::AttemptResult& so_far) {
    if (when <= loop.now()) return leave(worker, so_far, false);
    worker_ = worker;
    so_far_ = so_far;
    loop.timers().arm(timer_, when);
  }
  // Leaves the comparison because there will be no attempt.
  void give_up(unsigned worker) {
    stats::AttemptResult nothing;
    nothing.outcome = stats::Outcome::ClientAbort;
    leave(worker, nothing, false);
  }

 private:
  class Place {
   public:
    void enter(unsigned worker, guard::Comparison& comparison,
               const guard::Comparison::Assigned& assigned) {
      comparison_ = &comparison;
      ticket_ = comparison.enter(worker, Clock::now(), assigned);
    }
    void leave(unsigned worker, const stats::AttemptResult& result, bool comparable) {
      const guard::CohortTicket ticket = std::exchange(ticket_, {});
      if (ticket.joined()) comparison_->leave(worker, ticket, result, comparable);
    }

   private:
    guard::Comparison* comparison_ = nullptr;
    guard::CohortTicket ticket_;
  };

  void enter_rollout(unsigned worker, const routing::ServiceSnapshot& service,
                     const routing::Assignment& assignment) {
    if (!assignment.random) return;
    const routing::ComparedVersion& compared = service.compared;
    const bool candidate = assignment.version == compared.candidate;
    if (!candidate && assignment.version != service.stable) return;
    rollout_.enter(worker, *compared.comparison, {candidate, compared.weight, assignment.client});
  }
  // A user whom the flag could not take (its version is shut, or has enough unproven requests)
  // takes no part. Everybody in the control group takes part, wherever their requests end up: if
  // users were left out because of what happened to them, the flag's share among the failing users
  // would be larger than its share of the traffic.
  void enter_flag(unsigned worker, const routing::Assignment& assignment) {
    const routing::FlagDraw& draw = assignment.draw;
    if (draw.in && assignment.reason != routing::Reason::Flag) return;
    flag_.enter(worker, *draw.comparison, {draw.in, draw.share, draw.client});
  }

  static void stop_waiting(void* self) {
    auto* watch = static_cast<CohortWatch*>(self);
    watch->leave(watch->worker_, watch->so_far_, false);
  }

  Place rollout_;
  Place flag_;
  unsigned worker_ = 0;
  stats::AttemptResult so_far_;
  net::Timer timer_;
};

}  // namespace cutwater::exchange
