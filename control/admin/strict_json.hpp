// JSON from outside -> boost::json::value, or a sentence that says what is wrong and where.
// Stricter than Boost.JSON: duplicate keys are refused (it keeps the last one silently, so that
// what a proxy checked and what we act on could differ), and so are numbers beyond a double (it
// makes them infinite). Pure; any thread.
#pragma once

#include <boost/json/value.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace cutwater::control::admin {

inline constexpr std::size_t kMaxJsonDepth = 32;

struct ParsedJson {
  boost::json::value value;
  std::string error;  // empty = `value` is what was sent
};

// Names nested in arrays and objects count towards the depth. UTF-8 is verified (RFC 8259 8.1).
ParsedJson parse_strict_json(std::string_view text);

}  // namespace cutwater::control::admin
