// Reads members of JSON that we write ourselves: a member that is missing or of another type
// throws.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace cutwater::control {

inline std::string text_at(const boost::json::object& in, const char* key) {
  return std::string(in.at(key).as_string());
}

inline std::vector<std::string> texts_from_json(const boost::json::value& json) {
  std::vector<std::string> out;
  for (const auto& text : json.as_array()) out.emplace_back(text.as_string());
  return out;
}

// Reads a vector or set of std::string.
template <typename Texts>
boost::json::array json_texts(const Texts& texts) {
  return boost::json::array(texts.begin(), texts.end());
}

}  // namespace cutwater::control
