// Reads strictly, and writes as short as possible, the units an operator types: counts, durations,
// sizes. The functions are pure; any thread may call them. Strict means: decimal digits only, no
// sign, no leading zero, no exponent, no blank, one unit. YAML would quietly read what is refused
// here as octal, hex or float.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater::config {

// Reads "0" or "42"; returns nullopt when the text is malformed or greater than `max`.
std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t max = UINT64_MAX);

// Reads "250ms", "10s", "5m", "1h" or "30d"; at most 3650 days.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// Reads bytes: "512B", "64KiB", "1MiB", "2GiB", or a plain count of bytes; at most 1 TiB.
std::optional<std::uint64_t> parse_size(std::string_view text);

// Writes the largest unit that loses nothing: 90000 ms -> "90s", 24 h -> "1d". The duration is not
// negative.
std::string to_string(std::chrono::milliseconds duration);
// Writes 65536 as "64KiB", and 1000 as "1000B".
std::string size_to_string(std::uint64_t bytes);

}  // namespace cutwater::config
