// Informs the guards beside the version's own guard, for one attempt at a time: the flag's, which
// sees only the flagged requests, and the route's, which sees the version's requests of one route.
// It lives inside one exchange.
#pragma once

#include <utility>

#include "proxy/routing/assignment.hpp"

namespace cutwater::exchange {

class SideGuards {
 public:
  // Returns false if the flag was shut in this moment, or has enough unproven requests under way.
  bool admit_flag(const routing::Assignment& assignment) {
    const bool flagged = assignment.reason == routing::Reason::Flag;
    return flag_.admit(flagged ? assignment.flag_monitor : nullptr);
  }
  // Call it when the version is settled. A route's guard shuts the version as a whole, so it has no
  // say in the choice.
  void admit_route(guard::VersionMonitor* guard) { route_.admit(guard); }
  // The attempt has become endless: it will be recorded, but no longer counts as under way.
  void leave() {
    flag_.leave();
    route_.leave();
  }
  // There will be no attempt.
  void give_up() {
    flag_.give_up();
    route_.give_up();
  }
  void record(unsigned worker, const stats::AttemptResult& result, TimePoint now) {
    flag_.record(worker, result, now);
    route_.record(worker, result, now);
  }

 private:
  class Watch {
   public:
    bool admit(guard::VersionMonitor* monitor) {
      monitor_ = nullptr;
      if (monitor == nullptr) return true;
      const guard::Ticket ticket = monitor->admit();
      if (ticket != guard::Admission::Admitted) return false;
      monitor_ = monitor;
      ticket_ = ticket.value;
      return true;
    }
    void leave() {
      if (monitor_ != nullptr) monitor_->leave(ticket_);
    }
    void give_up() {
      leave();
      monitor_ = nullptr;
    }
    void record(unsigned worker, stats::AttemptResult result, TimePoint now) {
      if (monitor_ == nullptr) return;
      result.ticket = ticket_;
      result.told = {};  // only the version's own guard was told
      std::exchange(monitor_, nullptr)->record(worker, result, now);
    }

   private:
    guard::VersionMonitor* monitor_ = nullptr;
    std::uint32_t ticket_ = 0;
  };

  Watch flag_;
  Watch route_;
};

}  // namespace cutwater::exchange
