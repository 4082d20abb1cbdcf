// Collects what is wrong with a configuration file, each problem with its place in the file. A
// report lives on the stack of a parse; any thread may make one of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cutwater::config {

struct Place {
  int line = 0;    // 1-based
  int column = 0;  // 1-based, in characters
};

struct Problem {
  std::string file;
  int line = 0;         // 1-based; 0 when the problem belongs to the whole file
  int column = 0;       // 1-based
  std::string message;  // what is wrong, what was meant
};

// Returns "file:line:column: message".
std::string to_string(const Problem& problem);

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

// Returns `text` shortened and with control characters made visible, in backticks, for a message.
std::string quoted(std::string_view text);

}  // namespace cutwater::config
