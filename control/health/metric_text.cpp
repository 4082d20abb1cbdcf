#include "control/health/metric_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace cutwater::control::health {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view skip_blank(std::string_view text) {
  const std::size_t at = text.find_first_not_of(kBlank);
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

// Returns what stands behind "{...}"; a label's value may hold braces and escaped quotes. nullopt
// means that it does not end.
std::optional<std::string_view> skip_labels(std::string_view text) {
  if (text.empty() || text.front() != '{') return text;
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '}' && !quoted) {
      return text.substr(i + 1);
    }
  }
  return std::nullopt;
}

enum class Line { Other, Sample, Broken };

Line read_line(std::string_view line, std::string_view name, double& value) {
  line = skip_blank(line);
  if (!line.starts_with(name)) return Line::Other;
  line.remove_prefix(name.size());
  // This is another metric whose name begins alike, or a word without a value.
  if (line.empty() || (line.front() != '{' && kBlank.find(line.front()) == kBlank.npos))
    return Line::Other;
  const auto rest = skip_labels(skip_blank(line));
  if (!rest) return Line::Broken;
  std::string_view number = skip_blank(*rest);
  number = number.substr(0, std::min(number.find_first_of(kBlank), number.size()));
  if (number.starts_with('+')) number.remove_prefix(1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool good = error == std::errc() && end == number.data() + number.size();
  return good && std::isfinite(value) ? Line::Sample : Line::Broken;
}

}  // namespace

std::optional<double> read_metric(std::string_view text, std::string_view name) {
  if (name.empty()) return std::nullopt;
  std::optional<double> sum;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    double value = 0;
    switch (read_line(text.substr(0, end), name, value)) {
      case Line::Sample:
        sum = sum.value_or(0) + value;
        break;
      case Line::Broken:
        return std::nullopt;
      case Line::Other:
        break;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return sum && std::isfinite(*sum) ? sum : std::nullopt;
}

}  // namespace cutwater::control::health
