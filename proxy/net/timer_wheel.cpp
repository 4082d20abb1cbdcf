#include "proxy/net/timer_wheel.hpp"

#include <algorithm>

namespace cutwater::net {

void Timer::unlink() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

void Timer::link_before(Timer& head) {
  next_ = &head;
  previous_ = head.previous_;
  head.previous_->next_ = this;
  head.previous_ = this;
}

TimerWheel::TimerWheel(TimePoint now) : tick_(tick_of(now)), earliest_(tick_ + kSlots) {
  for (Timer& head : slots_) head.next_ = head.previous_ = &head;
}

TimerWheel::~TimerWheel() {
  for (Timer& head : slots_)
    while (head.next_ != &head) head.next_->unlink();
}

void TimerWheel::arm(Timer& timer, TimePoint deadline) {
  // The +1 ensures that the tick that contains the deadline is over before the timer fires.
  timer.due_ = std::max(tick_of(deadline) + 1, tick_ + 1);
  if (timer.next_ && timer.slot_tick_ <= timer.due_) return;  // it is looked at in time
  if (timer.next_) timer.unlink();
  link(timer);
}

void TimerWheel::link(Timer& timer) {
  timer.slot_tick_ = timer.due_;
  earliest_ = std::min(earliest_, timer.due_);
  timer.link_before(slots_[timer.due_ % kSlots]);
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
    if (head.next_ == &head) continue;
    // Unlink the whole slot first: callbacks may touch any list, this one included.
    Timer visited;
    visited.link_before(head);
    head.unlink();
    head.next_ = head.previous_ = &head;
    while (visited.next_ != &visited) {
      Timer& timer = *visited.next_;
      timer.unlink();
      if (timer.due_ > target) {  // put off, or due in a later turn of the wheel
        link(timer);
      } else if (timer.armed()) {
        timer.disarm();
        timer.fire_(timer.owner_);
      }
    }
    visited.next_ = nullptr;
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
