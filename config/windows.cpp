#include "config/windows.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "config/units.hpp"

namespace cutwater::config {
namespace {

constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMinutes = 24 * 60;

std::optional<int> day_of(std::string_view text) {
  const auto found = std::find(kDays.begin(), kDays.end(), text);
  if (found == kDays.end()) return std::nullopt;
  return static_cast<int>(found - kDays.begin());
}

// Reads "HH:MM"; 24:00 is accepted only where an end is meant.
std::optional<int> minute_of_day(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
    return std::nullopt;
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  if (hours > 24 || minutes > 59 || hours * 60 + minutes > kDayMinutes) return std::nullopt;
  return hours * 60 + minutes;
}

// Reads "Mon", "Mon-Fri", "Fri-Mon" (over the weekend).
std::optional<std::uint8_t> days_of(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = day_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : day_of(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  std::uint8_t days = 0;
  for (int day = *first;; day = (day + 1) % 7) {
    days = static_cast<std::uint8_t>(days | 1u << day);
    if (day == *last) return days;
  }
}

struct LocalTime {
  int day;              // 0 is Monday
  std::int64_t minute;  // of the day
};

LocalTime local_time(int utc_offset_minutes, std::int64_t unix_ms) {
  const std::int64_t minutes = unix_ms / kMinuteMs + utc_offset_minutes;
  const std::int64_t days = minutes >= 0 ? minutes / kDayMinutes : (minutes + 1) / kDayMinutes - 1;
  // 1970-01-01 was a Thursday.
  return {static_cast<int>(((days + 3) % 7 + 7) % 7), minutes - days * kDayMinutes};
}

}  // namespace

std::optional<Window> parse_window(std::string_view text) {
  const auto blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  Window window;
  window.text = text;
  for (std::string_view left = text.substr(0, blank);;) {
    const auto comma = left.find(',');
    const auto days = days_of(left.substr(0, comma));
    if (!days) return std::nullopt;
    window.days = static_cast<std::uint8_t>(window.days | *days);
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  const std::string_view hours = text.substr(blank + 1);
  if (hours.size() != 11 || hours[5] != '-') return std::nullopt;
  const auto from = minute_of_day(hours.substr(0, 5));
  const auto until = minute_of_day(hours.substr(6));
  if (!from || !until || *from >= *until) return std::nullopt;
  window.from_minute = *from;
  window.until_minute = *until;
  return window;
}

std::optional<int> parse_utc_offset(std::string_view text) {
  if (text == "Z") return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto minutes = minute_of_day(text.substr(1));
  if (!minutes || *minutes > 14 * 60) return std::nullopt;
  return text[0] == '-' ? -*minutes : *minutes;
}

bool is_open(const std::vector<Window>& windows, int utc_offset_minutes, std::int64_t unix_ms) {
  const LocalTime now = local_time(utc_offset_minutes, unix_ms);
  return windows.empty() || std::any_of(windows.begin(), windows.end(), [&](const Window& w) {
           return (w.days >> now.day & 1) != 0 && now.minute >= w.from_minute &&
                  now.minute < w.until_minute;
         });
}

std::int64_t next_opening(const std::vector<Window>& windows, int utc_offset_minutes,
                          std::int64_t unix_ms) {
  if (is_open(windows, utc_offset_minutes, unix_ms)) return unix_ms;
  const LocalTime now = local_time(utc_offset_minutes, unix_ms);
  std::int64_t soonest = std::numeric_limits<std::int64_t>::max();
  for (const Window& window : windows) {
    for (int ahead = 0; ahead <= 7; ++ahead) {
      const std::int64_t wait = ahead * kDayMinutes + window.from_minute - now.minute;
      if (wait <= 0 || (window.days >> (now.day + ahead) % 7 & 1) == 0) continue;
      soonest = std::min(soonest, wait);
      break;
    }
  }
  return (unix_ms / kMinuteMs + soonest) * kMinuteMs;
}

}  // namespace cutwater::config
