// Limits how fast evidence may grow: to four times its most of three seconds before. What
// exceeds that is taken away for good, which a test may always do: it only loses by it. A pause of
// one instance, of half a second or so, makes all of its requests slow together, though each by
// itself would have been an independent piece of evidence; a version that is slow goes on being
// slow. The class is pure: arrivals are arguments, and the owner serialises the calls.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace cutwater::guard {

class GrowthLimit {
 public:
  static constexpr double kFactor = 4;
  static constexpr Nanoseconds kWindow = std::chrono::seconds(3);

  // Notes the evidence before a request that arrived at `arrival` is added, and returns the most
  // that it may be afterwards.
  double most_after(TimePoint arrival, double before) {
    note(arrival, before);
    const Slot* oldest = nullptr;
    for (const Slot& slot : slots_)
      if (slot.number > newest_ - kSlots && (oldest == nullptr || slot.number < oldest->number))
        oldest = &slot;
    // The newest slot is always there. Soon after a silence nothing is old enough to have grown on
    // its own, and the beginning counts.
    const bool old_enough = newest_ - oldest->number >= kSlots - 3;
    return kFactor * (old_enough ? oldest->most : oldest->first);
  }
  // Notes the evidence as it is after that request.
  void note(TimePoint arrival, double evidence) {
    // A request may be judged after one that arrived a little later.
    newest_ = std::max<std::int64_t>(newest_, arrival.time_since_epoch() / kSlot);
    Slot& slot = slots_[static_cast<std::size_t>(newest_ % kSlots)];
    if (slot.number != newest_) slot = {newest_, evidence, evidence};
    // The most, not a dip: losses are never limited, so gains measured from dips would not make up
    // for them.
    slot.most = std::max(slot.most, evidence);
  }

 private:
  static constexpr std::int64_t kSlots = 30;
  static constexpr Nanoseconds kSlot = kWindow / kSlots;
  struct Slot {
    std::int64_t number = -kSlots;
    double first = 0, most = 0;
  };
  std::array<Slot, kSlots> slots_;
  std::int64_t newest_ = 0;
};

}  // namespace cutwater::guard
