// The text of a configuration file as a tree that remembers where everything stands. Plain
// values; lives only while a file is being parsed. document.cpp is the only place that knows
// yaml-cpp, and it trusts it little: yaml-cpp 0.7 takes duplicate keys, an unclosed quote, a
// second document and an alias bomb without a word.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/parse.hpp"

namespace cutwater::config {

struct Place {
  int line = 0;    // 1-based
  int column = 0;  // 1-based, in characters
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;  // shared, because an alias is the same node again

struct Node {
  enum class Kind { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  Place place;
  std::string text;                                // Scalar
  std::vector<NodePtr> items;                      // List
  std::vector<std::pair<NodePtr, NodePtr>> pairs;  // Map: keys are non-empty scalars, no duplicates
  std::size_t size = 1;   // nodes below and with this one, aliases counted as if written out
  std::size_t depth = 1;  // levels, likewise
};

// Collects problems. Keeps at most kMost: a hostile file must not cost memory.
class Report {
 public:
  static constexpr std::size_t kMost = 1000;

  explicit Report(std::string file) : file_(std::move(file)) {}
  void add(Place place, std::string message);
  bool empty() const { return problems_.empty(); }
  // More is only counted: no need to think about good words for it.
  bool full() const { return problems_.size() >= kMost; }
  // In file order, without repetitions (an aliased node is read once per use).
  std::vector<Problem> take();

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::size_t dropped_ = 0;
};

// Limits of a document.
inline constexpr std::size_t kMaxFileBytes = 1024 * 1024;
inline constexpr std::size_t kMaxNodes = 100'000;
inline constexpr std::size_t kMaxDepth = 64;

// The one document in `text`. Null when it cannot be read as YAML at all; then, and for
// everything else that is wrong with it, `report` has grown.
NodePtr read_document(std::string_view text, Report& report);

// `text` shortened and with control characters made visible, in backticks, for a message.
std::string quoted(std::string_view text);

}  // namespace cutwater::config
