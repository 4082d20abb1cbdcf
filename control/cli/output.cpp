#include "control/cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

constexpr const char* kNothing = "–";
constexpr std::size_t kGap = 2;            // between two columns
constexpr std::size_t kIndent = 4;         // of columns that stand below their row
constexpr std::size_t kLeastWrapped = 24;  // a narrower column is not worth wrapping

}  // namespace

Io system_io() {
  Io io{std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1,
        [](const std::string& name) -> std::optional<std::string> {
          const char* value = std::getenv(name.c_str());
          if (value == nullptr) return std::nullopt;
          return std::string(value);
        }};
  winsize size{};
  const bool known = io.out_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  const auto asked = io.env("COLUMNS");
  if (known && size.ws_col > 0)
    io.columns = size.ws_col;
  else if (asked && std::atoi(asked->c_str()) > 0)
    io.columns = static_cast<std::size_t>(std::atoi(asked->c_str()));
  return io;
}

std::string inked(const std::string& text, Ink ink, bool colour) {
  if (!colour || ink == Ink::Plain || text.empty()) return text;
  constexpr const char* kCodes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[1;31m", "\033[33m"};
  return kCodes[static_cast<int>(ink)] + text + "\033[0m";
}

Ink ink_of(std::string_view word) {
  if (word == "pass" || word == "succeeded" || word == "up") return Ink::Good;
  if (word == "fail" || word == "tripped" || word == "locked out" || word == "rolled_back" ||
      word == "rolling_back" || word == "aborted" || word == "taken back") {
    return Ink::Bad;
  }
  if (word == "paused" || word == "inconclusive" || word == "awaiting_approval") return Ink::Wait;
  return Ink::Plain;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines(1);
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t blank = std::min(text.find(' ', from), text.size());
    const std::string word = text.substr(from, blank - from);
    std::string& line = lines.back();
    if (!line.empty() && width(line) + 1 + width(word) > columns)
      lines.push_back(word);
    else
      line += (line.empty() ? "" : " ") + word;
    from = blank + 1;
  }
  return lines;
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width(row[i].text));
  }
  return widths;
}

void Table::print(const Io& io, bool colour) const {
  std::vector<std::size_t> widths = this->widths();
  std::size_t fitting = 0;
  std::size_t end = 0;  // of the columns that fit
  while (fitting < widths.size()) {
    const std::size_t next = end + (fitting == 0 ? 0 : kGap) + widths[fitting];
    if (next > io.columns) break;
    end = next;
    ++fitting;
  }
  // The last column may wrap in its place, if there is room for a few words.
  const bool last_only = fitting + 1 == widths.size() && fitting > 0;
  if (last_only && end + kGap + kLeastWrapped <= io.columns)
    widths[fitting++] = io.columns - end - kGap;
  fitting = std::max<std::size_t>(fitting, 1);
  for (std::size_t row = 0; row < rows_.size(); ++row) print_row(io, colour, row, fitting, widths);
}

void Table::print_row(const Io& io, bool colour, std::size_t row, std::size_t fitting,
                      const std::vector<std::size_t>& widths) const {
  const auto ink_of = [row](const Cell& cell) { return row == 0 ? Ink::Quiet : cell.ink; };
  const std::vector<Cell>& cells = rows_[row];
  std::string line;
  std::string gap;  // the gap is written only before text, so that no line ends in blanks
  std::vector<std::string> rest;
  std::size_t begin = 0;  // of the present column
  for (std::size_t i = 0; i < std::min(fitting, cells.size()); ++i) {
    const Cell& cell = cells[i];
    std::string text = cell.text;
    if (width(text) > widths[i] && i + 1 == cells.size()) {
      rest = wrapped(text, widths[i]);
      text = rest.front();
      rest.erase(rest.begin());
    }
    const std::string padding(widths[i] - std::min(widths[i], width(text)), ' ');
    const std::string shown = inked(text, ink_of(cell), colour);
    if (!text.empty()) line += cell.right ? gap + padding + shown : gap + shown;
    if (text.empty())
      gap += std::string(widths[i] + kGap, ' ');
    else
      gap = cell.right ? "  " : padding + "  ";
    if (i + 1 < fitting) begin += widths[i] + kGap;
  }
  io.out << line << "\n";
  for (const std::string& more : rest)
    io.out << std::string(begin, ' ') << inked(more, ink_of(cells[fitting - 1]), colour) << "\n";
  for (std::size_t i = fitting; i < cells.size(); ++i) {
    if (cells[i].text.empty()) continue;
    for (const std::string& below : wrapped(cells[i].text, io.columns - kIndent))
      io.out << std::string(kIndent, ' ') << inked(below, ink_of(cells[i]), colour) << "\n";
  }
}

const json::value& member(const json::value& object, std::string_view name) {
  static const json::value kNull;
  const auto* fields = object.if_object();
  const auto* found = fields == nullptr ? nullptr : fields->if_contains(name);
  return found == nullptr ? kNull : *found;
}

std::string text_of(const json::value& object, std::string_view name) {
  const auto* text = member(object, name).if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::optional<double> number_of(const json::value& object, std::string_view name) {
  const json::value& value = member(object, name);
  if (!value.is_number()) return std::nullopt;
  return value.to_number<double>();
}

bool is_true(const json::value& object, std::string_view name) {
  const auto* flag = member(object, name).if_bool();
  return flag != nullptr && *flag;
}

std::vector<json::value> list_of(const json::value& value) {
  std::vector<json::value> items;
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) {
      if (item.is_object()) items.push_back(item);
    }
  }
  return items;
}

std::string short_number(std::optional<double> value, int decimals) {
  if (!value || !std::isfinite(*value)) return kNothing;
  return control::to_text(control::rounded(*value, decimals));
}

std::string evidence_text(std::optional<double> value) {
  if (!value || *value < 1e6) return short_number(value, value && *value >= 100 ? 0 : 2);
  const int exponent = static_cast<int>(std::floor(std::log10(*value)));
  return short_number(*value / std::pow(10, exponent), 1) + "e" + std::to_string(exponent);
}

std::string percent_text(std::optional<double> percent) {
  return percent ? short_number(percent, 4) + " %" : kNothing;
}

std::string millis_text(std::optional<double> ms) {
  if (!ms) return kNothing;
  if (*ms >= 1000) return short_number(*ms / 1000, 2) + " s";
  return short_number(ms, *ms >= 10 ? 0 : 1) + " ms";
}

std::string decided_text(const json::value& decision) {
  std::string text = text_of(decision, "time");
  if (const auto number = number_of(decision, "decision"))
    text += " by decision " + short_number(number, 0);
  return text + ": " + text_of(decision, "reason");
}

std::string weights_text(const json::value& weights) {
  std::string text;
  if (const auto* object = weights.if_object()) {
    for (const auto& [version, share] : *object) {
      if (!text.empty()) text += ", ";
      text +=
          std::string(version) + " " +
          percent_text(share.is_number() ? std::optional(share.to_number<double>()) : std::nullopt);
    }
  }
  return text;
}

}  // namespace cutwater::cli
