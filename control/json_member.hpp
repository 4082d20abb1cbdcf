// Members of JSON that we wrote ourselves: what is missing or of another type throws.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace cutwater::control {

inline std::string text_at(const boost::json::object& in, const char* key) {
  return std::string(in.at(key).as_string());
}

}  // namespace cutwater::control
