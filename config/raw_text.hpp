// Checks the bytes of a file before a YAML parser sees them, and maps bytes to lines and columns.
// The functions are pure; any thread may call them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "config/report.hpp"

namespace cutwater::config {

inline constexpr std::size_t kMaxFileBytes = 1024 * 1024;

// Holds the positions of lines and of multi-byte characters. It borrows nothing from the text.
class LineIndex {
 public:
  explicit LineIndex(std::string_view text);
  // Converts a 0-based line and a 0-based byte column.
  Place place(int line, int byte_column) const;
  Place place_of_byte(std::size_t offset) const;

 private:
  std::vector<std::size_t> line_starts_;
  std::vector<std::size_t> continuations_;  // offsets of UTF-8 continuation bytes
};

// Returns the text without a UTF-8 byte order mark, or nullopt when a YAML parser must not see it:
// it is too big, is UTF-16/32 or not UTF-8, has control characters (yaml-cpp takes 0x04 for the end
// of the file), a lone carriage return, or a tab in the indentation. `report` then says what.
std::optional<std::string_view> check_raw_text(std::string_view text, Report& report);

}  // namespace cutwater::config
