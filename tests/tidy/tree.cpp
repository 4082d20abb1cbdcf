#include "tests/tidy/tree.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace cutwater::tidy {
namespace {

namespace fs = std::filesystem;

bool is_text(const fs::path& path) {
  static const std::set<std::string> kinds = {".cpp", ".hpp", ".md", ".yaml", ".sh", ".py", ".txt"};
  return kinds.contains(path.extension().string()) || path.filename() == "dev" ||
         path.parent_path().filename() == ".ci";
}

void add(Tree& tree, const fs::path& top, const fs::path& path) {
  std::ostringstream text;
  if (is_text(path)) text << std::ifstream(path).rdbuf();
  tree.emplace(fs::relative(path, top).generic_string(), text.str());
}

Tree read_tree(const fs::path& top) {
  Tree tree;
  for (const auto& entry : fs::directory_iterator(top))
    if (entry.is_regular_file()) add(tree, top, entry.path());
  for (const char* folder :
       {".ci", "bench", "config", "control", "docker", "proxy", "systemd", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(top / folder))
      if (entry.is_regular_file() && entry.path().parent_path().filename() != "__pycache__")
        add(tree, top, entry.path());
  return tree;
}

}  // namespace

const Tree& repository() {
  static const Tree tree = read_tree(CUTWATER_SOURCE_DIR);
  return tree;
}

std::string folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

std::string name_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string resolve(std::string_view folder, std::string_view path) {
  std::string joined = (fs::path(folder) / path).lexically_normal().generic_string();
  if (joined.ends_with('/')) joined.pop_back();
  return joined;
}

bool has_folder(const Tree& tree, const std::string& folder) {
  const auto at = tree.lower_bound(folder + "/");
  return at != tree.end() && at->first.starts_with(folder + "/");
}

std::vector<std::string> folders_in(const Tree& tree, const std::string& folder) {
  std::set<std::string> found;
  const std::string start = folder.empty() ? "" : folder + "/";
  for (const auto& [path, text] : tree) {
    if (!path.starts_with(start)) continue;
    const auto slash = path.find('/', start.size());
    if (slash != std::string::npos) found.insert(path.substr(start.size(), slash - start.size()));
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> includes_of(const std::string& text) {
  static const std::regex include{R"(^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"])",
                                  std::regex::multiline};
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

}  // namespace cutwater::tidy
