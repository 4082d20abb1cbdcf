// Reads and writes moments as people and scripts write them (RFC 3339, and "2h" for two hours ago).
// It is pure; any thread may call it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater::control {

// Turns "2026-11-23T10:00:00Z" or "2026-11-23T10:00:00.250+01:00" into unix milliseconds. It is
// strict: it returns nullopt for a day that does not exist, a missing offset or any text behind it.
// A leap second counts as the second after it.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

// Reads the same, or a duration such as "2h" or "30d" before `now_ms`.
std::optional<std::int64_t> parse_since(std::string_view text, std::int64_t now_ms);

// Writes the reverse: UTC, with milliseconds.
std::string time_text(std::int64_t unix_ms);

}  // namespace cutwater::control
