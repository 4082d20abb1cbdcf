// Holds the text of a configuration file as a tree that remembers where everything stands. The
// nodes are plain values and live only while a file is being parsed. document.cpp is the only place
// that knows yaml-cpp, and it does not rely on it: yaml-cpp 0.7 silently accepts duplicate keys, an
// unclosed quote, a second document and an alias bomb.
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
  std::string text;                                // of a Scalar
  std::vector<NodePtr> items;                      // of a List
  std::vector<std::pair<NodePtr, NodePtr>> pairs;  // of a Map: keys are non-empty scalars, without
                                                   // duplicates
  std::size_t size = 1;   // nodes below and including this one, aliases counted as if written out
  std::size_t depth = 1;  // levels, likewise
};

// Collects problems. It keeps at most kMost, because a hostile file must not cost memory.
class Report {
 public:
  static constexpr std::size_t kMost = 1000;

  explicit Report(std::string file) : file_(std::move(file)) {}
  void add(Place place, std::string message);
  bool empty() const { return problems_.empty(); }
  // Further problems are only counted, so their callers need not compose a message.
  bool full() const { return problems_.size() >= kMost; }
  // Returns the problems in file order, without repetitions (an aliased node is read once per use).
  std::vector<Problem> take();

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::size_t dropped_ = 0;
};

// These limits hold for a document.
inline constexpr std::size_t kMaxFileBytes = 1024 * 1024;
inline constexpr std::size_t kMaxNodes = 100'000;
inline constexpr std::size_t kMaxDepth = 64;

// Returns the one document in `text`, or null when it cannot be read as YAML at all. In that case,
// and for everything else that is wrong with the document, `report` has grown.
NodePtr read_document(std::string_view text, Report& report);

// Returns `text` shortened and with control characters made visible, in backticks, for a message.
std::string quoted(std::string_view text);

}  // namespace cutwater::config
