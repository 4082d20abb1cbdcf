// Handles deployment windows: "Mon-Fri 08:00-17:00". A window has days and a part of the day at a
// fixed UTC offset. The offset is fixed because a time zone's rules would have to be loaded and
// agreed on, and a window that moves by itself twice a year surprises. The functions are pure; any
// thread may call them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/rollout.hpp"

namespace cutwater::config {

// Returns nullopt unless the text is DAYS HH:MM-HH:MM with days as Mon, Mon-Fri or Mon,Wed and the
// end after the start (24:00 is the end of the day).
std::optional<Window> parse_window(std::string_view text);
// Reads "+01:00", "-03:30" or "Z" as minutes; at most 14 hours.
std::optional<int> parse_utc_offset(std::string_view text);

// Without windows it is always open.
bool is_open(const std::vector<Window>& windows, int utc_offset_minutes, std::int64_t unix_ms);
// Returns the next moment (unix ms, whole minutes) at which a window opens; `unix_ms` itself when
// one is open.
std::int64_t next_opening(const std::vector<Window>& windows, int utc_offset_minutes,
                          std::int64_t unix_ms);

}  // namespace cutwater::config
