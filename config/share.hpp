// Represents a share of traffic as an integer out of 1 000 000, so that weights add up exactly. It
// is written and shown as percent with up to 4 decimals: 5%, 0.01%.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater {

struct Share {
  static constexpr std::int32_t kWhole = 1'000'000;

  std::int32_t millionths = 0;  // 0..kWhole

  static constexpr Share percent(int value) { return Share{value * (kWhole / 100)}; }
  constexpr double ratio() const { return static_cast<double>(millionths) / kWhole; }
  constexpr double as_percent() const { return static_cast<double>(millionths) / (kWhole / 100); }
  friend constexpr auto operator<=>(Share, Share) = default;
};

// Reads "5%" or "0.0125%" (the percent sign is required). The decimal is strict: no sign, no
// exponent, no leading zeros, at most 4 decimals, 0..100. Anything else is nullopt.
std::optional<Share> parse_share(std::string_view text);
// Converts a number of percent as the admin API carries it (95, 0.01). It is nullopt when not
// finite, outside 0..100 or finer than 4 decimals.
std::optional<Share> share_from_percent(double percent);
// Writes the shortest form: "5%", "0.01%".
std::string to_string(Share share);

}  // namespace cutwater
