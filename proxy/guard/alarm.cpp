#include "proxy/guard/alarm.hpp"

namespace cutwater::guard {

Alarm::Alarm(const AlarmLimits& limits)
    : limits_(limits), test_(limits.p0), clients_(limits.min_distinct_clients) {}

void Alarm::advance(std::uint64_t good) {
  if (good <= good_fed_) return;  // sums of relaxed counters may lag for a moment
  test_.add_good(good - good_fed_);
  good_fed_ = good;
}

void Alarm::feed(const BadAttempt& bad) {
  const double before = test_.evidence();
  if (fed_bad_ == 0 || before <= kBackAtGround * evidence_at_onset_) {
    evidence_at_onset_ = before;
    onset_ = bad.now;
    attempts_at_onset_ = bad.good + raw_bad_ - 1;
    raw_bad_at_onset_ = raw_bad_ - 1;
    ++runs_;
  }
  test_.add_bad();
  ++fed_bad_;
}

double Alarm::evidence_after(std::uint64_t good) const {
  ChangePointEvidence ahead = test_;
  if (good > good_fed_) ahead.add_good(good - good_fed_);
  return ahead.evidence();
}

}  // namespace cutwater::guard
