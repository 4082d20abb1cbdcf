// The own guard of a ramping flag, for one attempt at a time: it sees the flagged requests alone,
// beside the version's monitor, which sees all of the version's. Lives inside one exchange.
#pragma once

#include <utility>

#include "proxy/routing/assignment.hpp"

namespace cutwater::exchange {

class FlagWatch {
 public:
  // False: the flag was shut in this moment, or has enough unproven requests under way.
  bool admit(const routing::Assignment& assignment) {
    monitor_ = nullptr;
    if (assignment.flag_monitor == nullptr || assignment.reason != routing::Reason::Flag)
      return true;
    const guard::Ticket ticket = assignment.flag_monitor->admit();
    if (ticket != guard::Admission::Admitted) return false;
    monitor_ = assignment.flag_monitor;
    ticket_ = ticket.value;
    return true;
  }
  // The attempt has become endless: it is recorded, but no longer under way.
  void leave() {
    if (monitor_ != nullptr) monitor_->leave(ticket_);
  }
  // There will be no attempt.
  void give_up() {
    leave();
    monitor_ = nullptr;
  }
  void record(unsigned worker, stats::AttemptResult result, TimePoint now) {
    if (monitor_ == nullptr) return;
    result.ticket = ticket_;
    std::exchange(monitor_, nullptr)->record(worker, result, now);
  }

 private:
  guard::VersionMonitor* monitor_ = nullptr;
  std::uint32_t ticket_ = 0;
};

}  // namespace cutwater::exchange
