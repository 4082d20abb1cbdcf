#include "control/admin/strict_json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <set>
#include <vector>

namespace cutwater::control::admin {
namespace json = boost::json;
namespace {

// This SAX handler only watches keys and numbers; a second pass builds the value itself, which is
// cheap because bodies are at most 64 KiB.
class Watcher {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) {
    keys_.pop_back();
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    key_.append(part.data(), part.size());
    if (!keys_.back().insert(key_).second) {
      return refuse("the key \"" + key_ + "\" occurs twice", error);
    }
    key_.clear();
    return true;
  }
  bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double value, json::string_view, json::error_code& error) {
    return std::isfinite(value) || refuse("a number is too large", error);
  }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  std::string complaint;  // set when the text is valid JSON but is refused all the same

 private:
  bool refuse(std::string why, json::error_code& error) {
    complaint = std::move(why);
    error = json::make_error_code(json::error::exception);
    return false;
  }

  std::vector<std::set<std::string>> keys_;  // one set per open object
  std::string key_;                          // a key may arrive in parts
};

std::string explain(const json::error_code& error, std::size_t offset) {
  if (error == json::error::too_deep) {
    return "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
  }
  return error.message() + " at byte " + std::to_string(offset);
}

}  // namespace

ParsedJson parse_strict_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<Watcher> watcher(options);
  json::error_code error;
  const std::size_t used = watcher.write_some(false, text.data(), text.size(), error);
  if (!watcher.handler().complaint.empty()) return {{}, watcher.handler().complaint};
  if (error) return {{}, explain(error, used)};
  if (used != text.size())
    return {{}, "more text after the value, at byte " + std::to_string(used)};
  ParsedJson parsed;
  parsed.value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) parsed.error = explain(error, text.size());
  return parsed;
}

}  // namespace cutwater::control::admin
