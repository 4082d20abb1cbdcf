// Turns JSON from outside into a boost::json::value, or into a sentence that says what is wrong and
// where. It is stricter than Boost.JSON: duplicate keys are refused (Boost.JSON keeps the last one
// silently, so that what a proxy checked and what we act on could differ), and so are numbers
// beyond a double (Boost.JSON makes them infinite). It is pure; any thread may call it.
#pragma once

#include <boost/json/value.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace cutwater::control::admin {

inline constexpr std::size_t kMaxJsonDepth = 32;

struct ParsedJson {
  boost::json::value value;
  std::string error;  // empty if `value` is what was sent
};

// Names nested in arrays and objects count towards the depth. UTF-8 is verified (RFC 8259 8.1).
ParsedJson parse_strict_json(std::string_view text);

}  // namespace cutwater::control::admin
