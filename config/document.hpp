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

#include "config/report.hpp"

namespace cutwater::config {

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

// These limits hold for a document.
inline constexpr std::size_t kMaxNodes = 100'000;
inline constexpr std::size_t kMaxDepth = 64;

// Returns the one document in `text`, or null when it cannot be read as YAML at all. In that case,
// and for everything else that is wrong with the document, `report` has grown.
NodePtr read_document(std::string_view text, Report& report);

}  // namespace cutwater::config
