// Moments as people and scripts write them (RFC 3339, and "2h" for two hours ago). Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater::control {

// "2026-11-23T10:00:00Z", "2026-11-23T10:00:00.250+01:00" -> unix milliseconds. Strict: a day that
// does not exist, a missing offset or anything behind it is nullopt. A leap second counts as the
// one after it.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

// The same, or a duration such as "2h" or "30d" before `now_ms`.
std::optional<std::int64_t> parse_since(std::string_view text, std::int64_t now_ms);

// The way back: UTC, milliseconds.
std::string time_text(std::int64_t unix_ms);

}  // namespace cutwater::control
