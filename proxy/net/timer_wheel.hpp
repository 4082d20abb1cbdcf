// Implements coarse timers as a hashed timing wheel (Varghese & Lauck 1987, scheme 6). Arming and
// disarming never allocate; a timer fires up to one tick late, never early. Most deadlines of a
// proxy are put off or called off long before they come, once or more for each request. So a timer
// stays where it is linked: to disarm it, or to arm it for later, writes nothing but the timer
// itself, and leaves its neighbours, which are out of the cache, alone. When its old slot's turn
// comes it is dropped, or moved to where it belongs by then.
//
// Only the worker that owns it uses it. Time is an argument.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace cutwater::net {

class TimerWheel;

// A timer is intrusive: it is a member of the object that waits. It disarms itself when destroyed.
class Timer {
 public:
  using Fire = void (*)(void* owner);
  Timer() = default;
  Timer(void* owner, Fire fire) : owner_(owner), fire_(fire) {}
  ~Timer() {
    if (next_) unlink();
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return due_ != kNever; }
  void disarm() { due_ = kNever; }

 private:
  friend class TimerWheel;
  static constexpr std::uint64_t kNever = 0;
  void unlink();
  void link_before(Timer& head);

  Timer* next_ = nullptr;  // while linked
  Timer* previous_ = nullptr;
  std::uint64_t slot_tick_ = 0;  // while linked: when the wheel looks at it, never after due_
  std::uint64_t due_ = kNever;   // tick
  void* owner_ = nullptr;
  Fire fire_ = nullptr;
};

class TimerWheel {
 public:
  static constexpr int kTickShift = 23;  // 2^23 ns = 8.4 ms per tick
  static constexpr std::size_t kSlots = 4096;

  explicit TimerWheel(TimePoint now);
  ~TimerWheel();  // timers may outlive it
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms the timer, or arms it for another time. A deadline in the past fires at the next expire().
  void arm(Timer& timer, TimePoint deadline);
  // Fires everything due. Callbacks may arm and disarm any timer.
  void expire(TimePoint now);
  // Returns how long the loop may sleep: never past the next timer, at most one turn of the wheel.
  Milliseconds until_next(TimePoint now) const;

 private:
  static std::uint64_t tick_of(TimePoint time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count()) >> kTickShift;
  }
  void link(Timer& timer);
  std::uint64_t next_occupied_slot() const;

  std::array<Timer, kSlots> slots_;  // list heads
  std::uint64_t tick_;               // all ticks up to and including this one have been expired
  // No timer is due before this tick. The value is a lower bound: neither disarming nor arming for
  // later raises it, so at worst the loop wakes once for nothing.
  std::uint64_t earliest_;
};

}  // namespace cutwater::net
