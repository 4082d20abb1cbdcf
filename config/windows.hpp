// Deployment windows: "Mon-Fri 08:00-17:00". A window has days and a part of the day at a fixed
// UTC offset; a fixed offset, because a time zone's rules would have to be loaded and agreed on,
// and a window that moves by itself twice a year surprises. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/rollout.hpp"

namespace cutwater::config {

// nullopt: not DAYS HH:MM-HH:MM with days as Mon, Mon-Fri or Mon,Wed and the end after the start
// (24:00 is the end of the day).
std::optional<Window> parse_window(std::string_view text);
// "+01:00", "-03:30", "Z"; minutes, at most 14 hours.
std::optional<int> parse_utc_offset(std::string_view text);

// No windows are always open.
bool is_open(const std::vector<Window>& windows, int utc_offset_minutes, std::int64_t unix_ms);
// The next moment (unix ms, whole minutes) at which one opens; `unix_ms` itself when one is open.
std::int64_t next_opening(const std::vector<Window>& windows, int utc_offset_minutes,
                          std::int64_t unix_ms);

}  // namespace cutwater::config
