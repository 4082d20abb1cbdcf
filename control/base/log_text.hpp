// Makes text that somebody else wrote fit for a line of the log. It is pure; any thread may call
// it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cutwater::control {

// The most bytes of a text that a line of the log shows; "..." follows where a text is longer.
inline constexpr std::size_t kMostLogText = 1024;

// Escapes what a terminal or a reader of lines would take for something else: control characters
// (C0, DEL, C1), line and paragraph separators, and bytes that are no UTF-8, as \n, \x1b or \u2028.
// With `quotes`, `"` and `\` as well, so that the text can stand between quotes and end nowhere
// else.
enum class Quotes { Leave, Escape };
std::string log_text(std::string_view text, Quotes quotes = Quotes::Escape,
                     std::size_t most = kMostLogText);

}  // namespace cutwater::control
