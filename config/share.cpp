#include "config/share.hpp"

#include <cmath>
#include <cstdlib>

#include "config/units.hpp"

namespace cutwater {
namespace {
constexpr int kDecimals = 4;
constexpr std::int32_t kPerPercent = Share::kWhole / 100;  // 10^kDecimals
}  // namespace

std::optional<Share> parse_share(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  text.remove_suffix(1);
  std::string_view fraction;
  if (const auto dot = text.find('.'); dot != std::string_view::npos) {
    fraction = text.substr(dot + 1);
    text = text.substr(0, dot);
    if (fraction.empty() || fraction.size() > kDecimals) return std::nullopt;
  }
  const auto whole = config::parse_count(text, 100);
  if (!whole) return std::nullopt;
  std::int32_t millionths = static_cast<std::int32_t>(*whole) * kPerPercent;
  std::int32_t unit = kPerPercent;
  for (const char digit : fraction) {
    if (digit < '0' || digit > '9') return std::nullopt;
    unit /= 10;
    millionths += (digit - '0') * unit;
  }
  if (millionths > Share::kWhole) return std::nullopt;
  return Share{millionths};
}

std::optional<Share> share_from_percent(double percent) {
  if (!std::isfinite(percent) || percent < 0 || percent > 100) return std::nullopt;
  const double scaled = percent * kPerPercent;
  const double whole = std::round(scaled);
  // A decimal such as 0.07 is not exact in binary, so rounding noise may be left over, but nothing
  // else.
  if (std::abs(scaled - whole) > 1e-6) return std::nullopt;
  return Share{static_cast<std::int32_t>(whole)};
}

std::string to_string(Share share) {
  std::string text = std::to_string(share.millionths / kPerPercent);
  if (const std::int32_t rest = std::abs(share.millionths % kPerPercent); rest != 0) {
    std::string fraction = std::to_string(rest);
    fraction.insert(0, kDecimals - fraction.size(), '0');
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += '.' + fraction;
  }
  return text + '%';
}

}  // namespace cutwater
