// Coarse timers: a hashed timing wheel (Varghese & Lauck 1987, scheme 6). Arming and disarming
// cost a few pointer writes and never allocate; a timer fires up to one tick late, never early.
// Thread: the worker that owns it. Time is an argument.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace cutwater::net {

class TimerWheel;

// Intrusive: a member of whatever waits. Disarms itself when destroyed.
class Timer {
 public:
  using Fire = void (*)(void* owner);
  Timer() = default;
  Timer(void* owner, Fire fire) : owner_(owner), fire_(fire) {}
  ~Timer() { disarm(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return next_ != nullptr; }
  void disarm();

 private:
  friend class TimerWheel;
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
  std::uint64_t tick_ = 0;
  void* owner_ = nullptr;
  Fire fire_ = nullptr;
};

class TimerWheel {
 public:
  static constexpr int kTickShift = 23;  // 2^23 ns = 8.4 ms per tick
  static constexpr std::size_t kSlots = 4096;

  explicit TimerWheel(TimePoint now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Re-arms when already armed. A deadline in the past fires at the next expire().
  void arm(Timer& timer, TimePoint deadline);
  // Fires everything due. Callbacks may arm and disarm any timer.
  void expire(TimePoint now);
  // How long the loop may sleep: never past the next timer, at most one turn of the wheel.
  Milliseconds until_next(TimePoint now) const;

 private:
  static std::uint64_t tick_of(TimePoint time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count()) >> kTickShift;
  }
  std::uint64_t next_occupied_slot() const;

  std::array<Timer, kSlots> slots_;  // list heads
  std::uint64_t tick_;               // all ticks up to and including this one have been expired
  // No timer is due before this tick. A lower bound: disarming does not raise it, so at worst the
  // loop wakes once for nothing.
  std::uint64_t earliest_;
};

}  // namespace cutwater::net
