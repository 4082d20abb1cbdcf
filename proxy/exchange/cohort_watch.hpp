// The part of one request in the comparisons of its service, where there are any: of the version
// under rollout with stable, and of a ramping flag with its control group. Lives inside one
// exchange, which pins the snapshot that holds the comparisons.
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
    if (service.compared.comparison) enter_rollout(worker, service, assignment);
    if (assignment.draw.comparison != nullptr) enter_flag(worker, assignment);
  }
  // With how that attempt ended. `comparable`: its latency is the version's, not that of a new
  // connection.
  void leave(unsigned worker, const stats::AttemptResult& result, bool comparable) {
    timer_.disarm();
    rollout_.leave(worker, result, comparable);
    flag_.leave(worker, result, comparable);
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
  // A user whom the flag could not take (its version is shut, or has enough unproven requests) has
  // no part. All of the control group has, wherever they end up: left out for what becomes of them,
  // the flag's part among those who fail would be larger than its share.
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
