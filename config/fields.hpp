// Reads one mapping of the file, key by key. It says what is wrong and reads on: a bad value leaves
// the default in place. It lives on the stack of a parse and borrows the node and the report.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/document.hpp"
#include "config/keys.hpp"
#include "config/model.hpp"

namespace cutwater::config {

template <typename T>
struct Range {
  T least;
  T most;
};

template <typename E>
struct Choice {
  std::string_view word;
  E value;
};

class Fields {
 public:
  // Reports a node that is not a mapping, unknown keys, and keys of later versions. `name` is what
  // messages call the section.
  Fields(Report& report, const Node& node, const Section& section, std::string_view name);

  Report& report() const { return report_; }
  bool usable() const { return node_.kind == Node::Kind::Map; }
  Place place() const { return node_.place; }
  // Returns the place of the key, or of the mapping when the key is not written.
  Place place_of_key(std::string_view key) const;
  Place place_of_value(std::string_view key) const;

  bool has(std::string_view key) const { return entry(key) != nullptr; }
  // Returns the value; nullptr when the key is not written, or is written without a value
  // (reported).
  const Node* find(std::string_view key) const;
  // Returns the same, and reports a required key that is missing.
  const Node* require(std::string_view key) const;

  // Returns a scalar's text; nullopt when it is absent or of the wrong kind (reported).
  std::optional<std::string> text(std::string_view key, std::string_view expected) const;

  // Each returns true when the key is written with a good value, which is then in `out`.
  bool read(std::string_view key, Duration& out, Range<Duration> range) const;
  bool read(std::string_view key, Share& out, Range<Share> range) const;
  bool read(std::string_view key, bool& out) const;
  bool read_size(std::string_view key, std::uint64_t& out, Range<std::uint64_t> range) const;
  bool read_count(std::string_view key, std::uint64_t& out, Range<std::uint64_t> range) const;

  template <typename E>
  bool read(std::string_view key, E& out, std::span<const Choice<E>> choices) const {
    std::vector<std::string_view> words;
    for (const Choice<E>& choice : choices) words.push_back(choice.word);
    const std::optional<std::size_t> index = read_word(key, words);
    if (index) out = choices[*index].value;
    return index.has_value();
  }

  // Reports "`key` is `value`: message" at the value.
  void bad_value(std::string_view key, std::string_view value, std::string_view message) const;

 private:
  using Entry = std::pair<NodePtr, NodePtr>;
  const Entry* entry(std::string_view key) const;
  void check_key(const Entry& entry) const;
  template <typename T>
  struct Unit;
  template <typename T>
  bool read_unit(std::string_view key, T& out, Range<T> range, const Unit<T>& unit) const;
  std::optional<std::size_t> read_word(std::string_view key,
                                       const std::vector<std::string_view>& words) const;

  Report& report_;
  const Node& node_;
  const Section& section_;
  std::string name_;
};

// A list or mapping of the file whose entries are compared with each other may have this many.
inline constexpr std::size_t kMaxEntries = 1000;

// Returns the items of a list. It returns none, and reports, when the node is not a list or is
// longer than kMaxEntries.
std::span<const NodePtr> read_list(Report& report, const Node& node, std::string_view name,
                                   std::string_view of);
// Returns the text of a list item or map value; reports another kind.
std::optional<std::string> read_text(Report& report, const Node& node, std::string_view name,
                                     std::string_view expected);

}  // namespace cutwater::config
