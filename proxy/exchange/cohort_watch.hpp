// The part of one request in the comparison of the version under rollout with stable, where the
// service has one. Lives inside one exchange, which pins the snapshot that holds the comparison.
#pragma once

#include <utility>

#include "proxy/guard/comparison.hpp"
#include "proxy/routing/assignment.hpp"

namespace cutwater::exchange {

class CohortWatch {
 public:
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
    const guard::CohortTicket ticket = std::exchange(ticket_, {});
    if (ticket.joined()) comparison_->leave(worker, ticket, result, comparable);
  }
  // There will be no attempt.
  void give_up(unsigned worker) {
    stats::AttemptResult nothing;
    nothing.outcome = stats::Outcome::ClientAbort;
    leave(worker, nothing, false);
  }

 private:
  guard::Comparison* comparison_ = nullptr;
  guard::CohortTicket ticket_;
};

}  // namespace cutwater::exchange
