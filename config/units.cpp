#include "config/units.hpp"

#include <array>

namespace cutwater::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
// The units stand in ascending order.
constexpr std::array kDurations = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000},
                                   Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array kSizes = {Unit{"B", 1}, Unit{"KiB", 1ull << 10}, Unit{"MiB", 1ull << 20},
                               Unit{"GiB", 1ull << 30}};
constexpr std::uint64_t kLongest = 3650ull * 86'400'000;
constexpr std::uint64_t kLargest = 1ull << 40;

template <typename Units>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Units& units,
                                             std::uint64_t max) {
  const auto end = text.find_first_not_of("0123456789");
  if (end == std::string_view::npos) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(end) != unit.name) continue;
    const auto number = parse_count(text.substr(0, end), max / unit.factor);
    if (!number) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

template <typename Units>
std::string write_with_unit(std::uint64_t value, const Units& units, std::string_view zero_unit) {
  if (value == 0) return "0" + std::string(zero_unit);
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value % unit.factor == 0) best = &unit;
  }
  return std::to_string(value / best->factor) + std::string(best->name);
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t max) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > max || value > (max - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(text, kDurations, kLongest);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (const auto bytes = parse_count(text, kLargest)) return bytes;
  return parse_with_unit(text, kSizes, kLargest);
}

std::string to_string(std::chrono::milliseconds duration) {
  return write_with_unit(static_cast<std::uint64_t>(duration.count()), kDurations, "s");
}

std::string size_to_string(std::uint64_t bytes) {
  return write_with_unit(bytes, kSizes, "B");
}

}  // namespace cutwater::config
