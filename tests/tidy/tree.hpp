// The repository as the rules of tests/tidy see it: paths and texts. A rule is a function that
// takes a Tree and returns its breaches, one sentence each, so the same function judges the
// repository and the small samples that it must reject.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cutwater::tidy {

// The key is the path from the top, with slashes. Files that are no text have an empty text.
using Tree = std::map<std::string, std::string>;

// Returns every file of the source tree, read once; what a build leaves behind is not in it.
const Tree& repository();

inline bool is_header(std::string_view path) {
  return path.ends_with(".hpp");
}
inline bool is_source(std::string_view path) {
  return path.ends_with(".cpp") || is_header(path);
}

// Returns the folder of a path without the last slash, or "" for a file at the top.
std::string folder_of(std::string_view path);
// Returns the name of a file without its folder.
std::string name_of(std::string_view path);
// Joins a relative path to a folder and takes out "." and "..".
std::string resolve(std::string_view folder, std::string_view path);

bool has_folder(const Tree& tree, const std::string& folder);
// Returns the names of the folders directly in `folder`.
std::vector<std::string> folders_in(const Tree& tree, const std::string& folder);

// Returns what a source includes, as written, without quotes or brackets.
std::vector<std::string> includes_of(const std::string& text);

}  // namespace cutwater::tidy
