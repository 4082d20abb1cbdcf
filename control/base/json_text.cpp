#include "control/base/json_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace cutwater::control {
namespace {

void append(std::string& out, const boost::json::value& value);

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[64];
  // The fixed form is used only where it stays short, because e-values may be huge.
  const double size = std::abs(value);
  const auto format = size != 0 && (size >= 1e15 || size < 1e-9) ? std::chars_format::scientific
                                                                 : std::chars_format::fixed;
  const auto end = std::to_chars(text, text + sizeof text, value, format);
  out.append(text, end.ptr);
}

void append(std::string& out, const boost::json::object& object) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : object) {
    if (!first) out += ',';
    first = false;
    out += boost::json::serialize(key);
    out += ':';
    append(out, value);
  }
  out += '}';
}

void append(std::string& out, const boost::json::array& array) {
  out += '[';
  bool first = true;
  for (const auto& value : array) {
    if (!first) out += ',';
    first = false;
    append(out, value);
  }
  out += ']';
}

void append(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object())
    append(out, *object);
  else if (const auto* array = value.if_array())
    append(out, *array);
  else if (const auto* real = value.if_double())
    append_double(out, *real);
  else
    out += boost::json::serialize(value);
}

}  // namespace

std::string to_text(const boost::json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

boost::json::value number(double value) {
  if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < 9e15)
    return static_cast<std::int64_t>(value);
  return value;
}

boost::json::value rounded(double value, int decimals) {
  if (!std::isfinite(value)) return nullptr;
  const double scale = std::pow(10.0, decimals);
  if (std::abs(value) > 1e15 / scale) return number(value);
  return number(std::round(value * scale) / scale);
}

}  // namespace cutwater::control
