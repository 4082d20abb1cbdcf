// Feeds any bytes as a moment: there is never a crash; what is accepted lies in the years 0 to 9999
// (and a day for the offset), and digits behind the millisecond change nothing.
#include <string>

#include "control/base/rfc3339.hpp"
#include "fuzz_check.hpp"

using namespace cutwater;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text(data, size);
  constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
  constexpr std::int64_t kYear0Ms = -62'167'219'200'000;
  constexpr std::int64_t kYear10000Ms = 253'402'300'800'000;
  const auto moment = control::parse_rfc3339(text);
  if (!moment) return 0;
  fuzz::check(*moment >= kYear0Ms - kDayMs && *moment <= kYear10000Ms + kDayMs, "within the years");
  fuzz::check(control::parse_since(text, 0) == moment, "a moment is no duration");
  const auto point = text.find('.');
  if (point == std::string_view::npos) return 0;
  const auto end = text.find_first_of("Zz+-", point);
  if (end - point < 4) return 0;
  const std::string finer = std::string(text.substr(0, end)) + "9" + std::string(text.substr(end));
  fuzz::check(control::parse_rfc3339(finer) == moment, "finer than a millisecond is cut off");
  return 0;
}
