#include "config/suggest.hpp"

#include <algorithm>

namespace cutwater::config {
namespace {
constexpr std::size_t kLongestTyped = 64;  // a longer word is not a typing mistake; this bounds the
                                           // cost
constexpr std::size_t kMostListed = 24;

char fold(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '-' ? '_' : c;
}
}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = fold(a[i - 1]) == fold(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string suggestion(std::string_view typed, const std::vector<std::string_view>& known) {
  std::string_view best;
  if (!typed.empty() && typed.size() <= kLongestTyped) {
    std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
    for (const std::string_view word : known) {
      if (word.size() > kLongestTyped) continue;
      const std::size_t distance = edit_distance(typed, word);
      // "ab" is not a misspelling of "xy": something of the word must be left.
      if (distance < best_distance && distance < std::max(typed.size(), word.size())) {
        best_distance = distance;
        best = word;
      }
    }
  }
  if (!best.empty()) return ", did you mean `" + std::string(best) + "`?";
  if (known.empty() || known.size() > kMostListed) return "";
  std::string list;
  for (const std::string_view word : known) {
    if (word.size() > kLongestTyped) return "";
    list += (list.empty() ? "" : ", ") + std::string(word);
  }
  return "; known here: " + list;
}

}  // namespace cutwater::config
