#include "config/report.hpp"

#include <algorithm>

namespace cutwater::config {

std::string to_string(const Problem& problem) {
  if (problem.line == 0) return problem.file + ": " + problem.message;
  return problem.file + ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column) +
         ": " + problem.message;
}

void Report::add(Place place, std::string message) {
  if (full()) {
    ++dropped_;
    return;
  }
  problems_.push_back({file_, place.line, place.column, std::move(message)});
}

std::vector<Problem> Report::take() {
  const auto key = [](const Problem& p) { return std::pair(p.line, p.column); };
  std::stable_sort(problems_.begin(), problems_.end(),
                   [&](const Problem& a, const Problem& b) { return key(a) < key(b); });
  const auto repeated = [&](const Problem& a, const Problem& b) {
    return key(a) == key(b) && a.message == b.message;
  };
  problems_.erase(std::unique(problems_.begin(), problems_.end(), repeated), problems_.end());
  if (dropped_ > 0) {
    problems_.push_back({file_, problems_.back().line, problems_.back().column,
                         "and " + std::to_string(dropped_) + " more problems"});
  }
  return std::move(problems_);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown = "`";
  for (const char c : text.substr(0, kShown)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    shown += control ? '?' : c;
  }
  if (text.size() > kShown) {
    // Do not cut a character in two.
    while ((static_cast<unsigned char>(shown.back()) & 0xC0) == 0x80) shown.pop_back();
    if (static_cast<unsigned char>(shown.back()) >= 0xC0) shown.pop_back();
    shown += "…";
  }
  return shown + "`";
}

}  // namespace cutwater::config
