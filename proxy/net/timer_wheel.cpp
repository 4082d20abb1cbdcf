#include "proxy/net/timer_wheel.hpp"

#include <algorithm>

namespace cutwater::net {

void Timer::disarm() {
  if (!next_) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

TimerWheel::TimerWheel(TimePoint now) : tick_(tick_of(now)), earliest_(tick_ + kSlots) {
  for (Timer& head : slots_) head.next_ = head.previous_ = &head;
}

void TimerWheel::arm(Timer& timer, TimePoint deadline) {
  timer.disarm();
  // +1: the tick that contains the deadline must be over before the timer fires.
  timer.tick_ = std::max(tick_of(deadline) + 1, tick_ + 1);
  earliest_ = std::min(earliest_, timer.tick_);
  Timer& head = slots_[timer.tick_ % kSlots];
  timer.next_ = &head;
  timer.previous_ = head.previous_;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
}

void TimerWheel::expire(TimePoint now) {
  const std::uint64_t target = tick_of(now);
  if (target <= tick_) return;
  if (target < earliest_) {
    tick_ = target;
    return;
  }
  // After a long pause every slot is visited once, not once per missed turn.
  const std::uint64_t first = std::max(tick_ + 1, target >= kSlots ? target - kSlots + 1 : 0);
  tick_ = target;
  for (std::uint64_t tick = first; tick <= target; ++tick) {
    Timer& head = slots_[tick % kSlots];
    // Unlink the whole slot first: callbacks may touch any list, this one included.
    if (head.next_ == &head) continue;
    Timer due;
    due.next_ = head.next_;
    due.previous_ = head.previous_;
    due.next_->previous_ = &due;
    due.previous_->next_ = &due;
    head.next_ = head.previous_ = &head;
    while (due.next_ != &due) {
      Timer& timer = *due.next_;
      timer.disarm();
      if (timer.tick_ <= target) {
        timer.fire_(timer.owner_);
      } else {  // a later turn of the wheel
        timer.next_ = &head;
        timer.previous_ = head.previous_;
        head.previous_->next_ = &timer;
        head.previous_ = &timer;
      }
    }
    due.next_ = due.previous_ = nullptr;
  }
  earliest_ = next_occupied_slot();
}

std::uint64_t TimerWheel::next_occupied_slot() const {
  for (std::uint64_t tick = tick_ + 1; tick < tick_ + kSlots; ++tick) {
    const Timer& head = slots_[tick % kSlots];
    if (head.next_ != &head) return tick;
  }
  return tick_ + kSlots;
}

Milliseconds TimerWheel::until_next(TimePoint now) const {
  const Nanoseconds left(static_cast<std::int64_t>(earliest_ << kTickShift) -
                         now.time_since_epoch().count());
  return std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(left));
}

}  // namespace cutwater::net
