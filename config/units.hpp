// Strict readers and shortest writers for the units an operator types: counts, durations, sizes.
// Pure functions, any thread. Strict means: decimal digits only, no sign, no leading zero, no
// exponent, no blank, one unit. What is refused here is what YAML would quietly read as octal,
// hex or float.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater::config {

// "0", "42"; nullopt when malformed or greater than `max`.
std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t max = UINT64_MAX);

// "250ms", "10s", "5m", "1h", "30d"; at most 3650 days.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// Bytes: "512B", "64KiB", "1MiB", "2GiB", or a plain count of bytes; at most 1 TiB.
std::optional<std::uint64_t> parse_size(std::string_view text);

// The largest unit that loses nothing: 90000 ms -> "90s", 24 h -> "1d". Not negative.
std::string to_string(std::chrono::milliseconds duration);
// 65536 -> "64KiB", 1000 -> "1000B".
std::string size_to_string(std::uint64_t bytes);

}  // namespace cutwater::config
