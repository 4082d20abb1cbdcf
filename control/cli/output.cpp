#include "control/cli/output.hpp"

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

}  // namespace

Io system_io() {
  return {std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1,
          [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            if (value == nullptr) return std::nullopt;
            return std::string(value);
          }};
}

std::string inked(const std::string& text, Ink ink, bool colour) {
  if (!colour || ink == Ink::Plain || text.empty()) return text;
  constexpr const char* kCodes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[1;31m", "\033[33m"};
  return kCodes[static_cast<int>(ink)] + text + "\033[0m";
}

Ink ink_of(std::string_view word) {
  if (word == "pass" || word == "succeeded" || word == "up") return Ink::Good;
  if (word == "fail" || word == "tripped" || word == "locked out" || word == "rolled_back" ||
      word == "rolling_back" || word == "aborted") {
    return Ink::Bad;
  }
  if (word == "paused" || word == "inconclusive" || word == "awaiting_approval") return Ink::Wait;
  return Ink::Plain;
}

void Table::print(std::ostream& out, bool colour) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i].text));
    }
  }
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    std::string gap;  // the gap is written only before text, so that no line ends in blanks
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      const Cell& cell = rows_[r][i];
      const std::string padding(widths[i] - width(cell.text), ' ');
      const std::string text = inked(cell.text, r == 0 ? Ink::Quiet : cell.ink, colour);
      line += cell.right ? gap + padding + text : gap + text;
      gap = cell.right ? "  " : padding + "  ";
    }
    out << line << "\n";
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

std::string percent_text(std::optional<double> percent) {
  return percent ? short_number(percent, 4) + " %" : kNothing;
}

std::string millis_text(std::optional<double> ms) {
  if (!ms) return kNothing;
  return *ms >= 1000 ? short_number(*ms / 1000, 2) + " s" : short_number(ms, 1) + " ms";
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
