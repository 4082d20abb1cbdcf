#include "config/raw_text.hpp"

#include <algorithm>
#include <string>

namespace cutwater::config {
namespace {

unsigned char byte(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_continuation(unsigned char c) {
  return (c & 0xC0) == 0x80;
}

// Returns the length of the well-formed UTF-8 sequence at `at` (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF); 0 when it is malformed.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const unsigned char first = byte(text, at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(byte(text, at + i))) return 0;
  }
  const unsigned char second = byte(text, at + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

bool looks_like_utf16_or_32(std::string_view text) {
  return text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") ||
         text.substr(0, 4).find('\0') != std::string_view::npos;
}

// Returns "" when the character at `at` is fine.
std::string_view character_problem(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\r') {
    const bool ends_line = at + 1 < text.size() && text[at + 1] == '\n';
    return ends_line ? "" : "a carriage return without a line feed; end lines with LF or CRLF";
  }
  if (c == '\t' || c == '\n') return "";
  if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "a control character";
  return utf8_length(text, at) == 0 ? "not valid UTF-8; save the file as UTF-8" : "";
}

void check_indentation(std::string_view text, const LineIndex& lines, Report& report) {
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    const std::size_t first = line.find_first_not_of(" \t\r");
    const std::size_t tab = line.find('\t');
    if (first != std::string_view::npos && line[first] != '#' && tab < first) {
      report.add(lines.place_of_byte(start + tab), "a tab in the indentation; use spaces");
    }
    start = end + 1;
  }
}

}  // namespace

LineIndex::LineIndex(std::string_view text) : line_starts_{0} {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') line_starts_.push_back(at + 1);
    if (is_continuation(byte(text, at))) continuations_.push_back(at);
  }
}

Place LineIndex::place(int line, int byte_column) const {
  if (line < 0 || byte_column < 0) return {};  // yaml-cpp's "no mark"
  const auto index = std::min(static_cast<std::size_t>(line), line_starts_.size() - 1);
  const std::size_t start = line_starts_[index];
  const auto from = std::lower_bound(continuations_.begin(), continuations_.end(), start);
  const auto to =
      std::lower_bound(from, continuations_.end(), start + static_cast<std::size_t>(byte_column));
  return {static_cast<int>(index) + 1, byte_column - static_cast<int>(to - from) + 1};
}

Place LineIndex::place_of_byte(std::size_t offset) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto line = next - line_starts_.begin() - 1;
  const std::size_t start = line_starts_[static_cast<std::size_t>(line)];
  return place(static_cast<int>(line), static_cast<int>(offset - start));
}

std::optional<std::string_view> check_raw_text(std::string_view text, Report& report) {
  if (text.size() > kMaxFileBytes) {
    report.add({}, "larger than 1 MiB; that is no configuration");
    return std::nullopt;
  }
  if (looks_like_utf16_or_32(text)) {
    report.add({1, 1}, "UTF-16 or UTF-32; save the file as UTF-8");
    return std::nullopt;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);

  const LineIndex lines(text);
  bool readable = true;
  for (std::size_t at = 0; at < text.size();) {
    if (const auto problem = character_problem(text, at); !problem.empty()) {
      report.add(lines.place_of_byte(at), std::string(problem));
      readable = false;
    }
    at += std::max<std::size_t>(1, utf8_length(text, at));
  }
  const bool clean_before = report.empty();
  check_indentation(text, lines, report);
  if (!readable || (clean_before && !report.empty())) return std::nullopt;
  return text;
}

}  // namespace cutwater::config
