// Holds one worker's part of a comparison: how many requests arrived in each tick, how many of them
// are over, and which of them failed or were slow. It has one writer, the worker, and one reader,
// the judge. Neither side uses a lock or an atomic read-modify-write; the memory is fixed (about
// 170 KiB).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace cutwater::guard {

// Describes a request that counts against its version in some test.
struct BadRequest {
  std::int64_t tick = 0;
  TimePoint arrival{};
  std::uint64_t client = 0;
  double weight = 0;  // the candidate's chance to get the request, when it was assigned
  bool candidate = false;
  std::uint8_t tests = 0;  // bits, see Comparison
};

struct Arrivals {
  std::uint64_t candidate = 0;
  std::uint64_t baseline = 0;
};

class alignas(64) CohortCell {
 public:
  // This many ticks may be open at the same time; the judge closes older ticks by force.
  static constexpr std::int64_t kSlots = 512;
  static constexpr std::size_t kRing = 2048;

  // --- the worker ---
  void enter(std::int64_t tick, bool candidate) {
    Slot& slot = slot_of(tick);
    if (slot.tick.load(std::memory_order_relaxed) != tick) {
      slot.tick.store(kNone, std::memory_order_release);
      for (auto* count : {&slot.candidate, &slot.baseline, &slot.finished})
        count->store(0, std::memory_order_relaxed);
      slot.tick.store(tick, std::memory_order_release);
    }
    bump(candidate ? slot.candidate : slot.baseline);
  }
  // Call it before leave(). A full ring loses the request and says so; the judge then skips that
  // time.
  void report(const BadRequest& request) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == kRing)
      return lost_.store(true, std::memory_order_release);
    ring_[head % kRing] = request;
    head_.store(head + 1, std::memory_order_release);
  }
  void leave(std::int64_t tick) {
    Slot& slot = slot_of(tick);
    if (slot.tick.load(std::memory_order_relaxed) == tick) bump(slot.finished);
  }

  // --- the judge --- No request arrives in this tick any more, and all requests that did are over.
  bool is_finished(std::int64_t tick) const {
    const Slot& slot = slot_of(tick);
    if (slot.tick.load(std::memory_order_acquire) != tick) return true;
    const std::uint64_t finished = slot.finished.load(std::memory_order_acquire);
    return finished == slot.candidate.load(std::memory_order_relaxed) +
                           slot.baseline.load(std::memory_order_relaxed);
  }
  Arrivals arrivals(std::int64_t tick) const {
    const Slot& slot = slot_of(tick);
    if (slot.tick.load(std::memory_order_acquire) != tick) return {};
    return {slot.candidate.load(std::memory_order_relaxed),
            slot.baseline.load(std::memory_order_relaxed)};
  }
  template <typename Sink>
  void drain(Sink&& sink) {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    for (; tail != head; ++tail) sink(ring_[tail % kRing]);
    tail_.store(tail, std::memory_order_release);
  }
  bool take_lost() { return lost_.exchange(false, std::memory_order_acq_rel); }

 private:
  static constexpr std::int64_t kNone = -1;
  struct Slot {
    std::atomic<std::int64_t> tick{kNone};
    std::atomic<std::uint64_t> candidate{0};
    std::atomic<std::uint64_t> baseline{0};
    std::atomic<std::uint64_t> finished{0};
  };
  Slot& slot_of(std::int64_t tick) { return slots_[static_cast<std::size_t>(tick % kSlots)]; }
  const Slot& slot_of(std::int64_t tick) const {
    return slots_[static_cast<std::size_t>(tick % kSlots)];
  }
  // The cell has a single writer, so a plain add is enough. The store releases, so that the reader
  // also sees what was reported before.
  static void bump(std::atomic<std::uint64_t>& count) {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  std::array<Slot, kSlots> slots_;
  std::array<BadRequest, kRing> ring_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
  std::atomic<bool> lost_{false};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace cutwater::guard
