// Makes "did you mean" texts: the known word nearest to what was typed. The functions are pure; any
// thread may call them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cutwater::config {

// Counts insertions, deletions, substitutions and swaps of neighbours; letter case and `-`/`_` are
// ignored.
std::size_t edit_distance(std::string_view a, std::string_view b);

// Returns ", did you mean `weights`?" when a known word is near; "; known here: a, b" when none is
// and there are few; "" otherwise. The text is meant to be appended to a message.
std::string suggestion(std::string_view typed, const std::vector<std::string_view>& known);

}  // namespace cutwater::config
