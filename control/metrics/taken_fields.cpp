#include "control/metrics/taken_fields.hpp"

namespace cutwater::control {

std::optional<std::string> TakenFields::due(TimePoint now, const Counts& counts) {
  constexpr std::chrono::hours kEvery{1};
  if (told_ && now - *told_ < kEvery) return std::nullopt;
  std::string taken;
  for (const auto& [family, count] : counts)
    if (const std::uint64_t more = count - told_counts_[family]; more > 0)
      taken += (taken.empty() ? "" : ", ") + family + " " + std::to_string(more);
  if (taken.empty()) return std::nullopt;
  told_ = now;
  told_counts_ = counts;
  return "fields about the client were taken from requests of peers that are no trusted proxies: " +
         taken + ". `trusted_proxies` or `keep_headers` of the listener lets them through";
}

}  // namespace cutwater::control
