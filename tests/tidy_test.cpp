// Checks that the layout keeps its promises: who may include whom, how long a file may be, what
// lies at the top. It reads the sources; a new rule belongs here when a reviewer would otherwise
// have to say it twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::Not;

struct Source {
  std::string path;  // relative to the top, with slashes
  std::string text;
  std::vector<std::string> includes;  // as written, without the brackets

  bool is_header() const { return path.ends_with(".hpp"); }
  long lines() const { return std::count(text.begin(), text.end(), '\n'); }
};

const fs::path& top() {
  static const fs::path path{CUTWATER_SOURCE_DIR};
  return path;
}

std::vector<std::string> find_includes(const std::string& text) {
  static const std::regex include{R"(^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"])",
                                  std::regex::multiline};
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

Source read_source(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return {fs::relative(path, top()).generic_string(), text.str(), find_includes(text.str())};
}

const std::map<std::string, Source>& sources() {
  static const auto all = [] {
    std::map<std::string, Source> found;
    for (const char* folder : {"config", "proxy", "control", "bench", "tests"})
      for (const auto& entry : fs::recursive_directory_iterator(top() / folder)) {
        const auto extension = entry.path().extension();
        if (extension != ".cpp" && extension != ".hpp") continue;
        Source source = read_source(entry.path());
        found.emplace(source.path, std::move(source));
      }
    return found;
  }();
  return all;
}

// Collects everything `source` includes, directly and through the project's own headers.
void collect_includes(const Source& source, std::set<std::string>& found) {
  for (const std::string& include : source.includes) {
    if (!found.insert(include).second) continue;
    const auto own = sources().find(include);
    if (own != sources().end()) collect_includes(own->second, found);
  }
}

// Returns "file includes header" for every file below `folder` that reaches a header that starts
// like this.
std::vector<std::string> violations(const std::string& folder,
                                    const std::vector<std::string>& forbidden) {
  std::vector<std::string> found;
  for (const auto& [path, source] : sources()) {
    if (!path.starts_with(folder)) continue;
    std::set<std::string> reached;
    collect_includes(source, reached);
    for (const std::string& include : reached)
      for (const std::string& start : forbidden)
        if (include.starts_with(start)) found.push_back(path + " reaches " + include);
  }
  return found;
}

const std::vector<std::string> kAsio = {"boost/asio", "boost/beast", "proxy/net/", "proxy/worker/"};

TEST(Tidy, SourcesAreFound) {
  EXPECT_GT(sources().size(), 20u) << "looked in " << top();
  std::set<std::string> reached;
  collect_includes(sources().at("proxy/routing/snapshot.hpp"), reached);
  EXPECT_TRUE(reached.contains("config/share.hpp")) << "includes are not followed";
}

TEST(Tidy, ConfigKnowsNeitherProxyNorControl) {
  EXPECT_THAT(violations("config/", {"proxy/", "control/", "boost/asio"}), IsEmpty());
}

TEST(Tidy, OnlyTheConfigReaderKnowsYaml) {
  EXPECT_THAT(violations("proxy/", {"yaml-cpp/"}), IsEmpty());
  EXPECT_THAT(violations("control/", {"yaml-cpp/"}), IsEmpty());
}

TEST(Tidy, DataPlaneKnowsNothingOfControl) {
  EXPECT_THAT(violations("proxy/", {"control/", "prometheus/", "sqlite3", "spdlog/", "CLI/",
                                    "boost/json", "boost/beast"}),
              IsEmpty());
}

// The tests of these folders never sleep and need no sockets, because the folders include no Asio.
TEST(Tidy, PureFoldersIncludeNoAsio) {
  for (const char* folder :
       {"proxy/base/", "proxy/routing/", "proxy/guard/", "proxy/stats/", "proxy/http/h1/chunked",
        "proxy/http/h1/head_parser", "proxy/http/header_rules", "proxy/http/message",
        "proxy/http/target", "control/rollout/engine"})
    EXPECT_THAT(violations(folder, kAsio), IsEmpty()) << folder;
}

TEST(Tidy, FilesStaySmall) {
  for (const auto& [path, source] : sources())
    EXPECT_LE(source.lines(), source.is_header() ? 250 : 500) << path;
  const auto main = sources().find("control/main.cpp");
  ASSERT_NE(main, sources().end());
  EXPECT_LE(main->second.lines(), 60);
}

TEST(Tidy, HeadersSayWhatTheyAreAndAreReadOnce) {
  for (const auto& [path, source] : sources()) {
    if (!source.is_header()) continue;
    EXPECT_TRUE(source.text.starts_with("//")) << path << " does not open with a comment";
    EXPECT_THAT(source.text, testing::HasSubstr("#pragma once\n")) << path;
  }
}

TEST(Tidy, NothingIsLeftForLater) {
  const std::string mark = std::string("FIX") + "ME";
  for (const auto& [path, source] : sources())
    EXPECT_THAT(source.text, Not(testing::HasSubstr(mark))) << path;
}

// Returns the text between a condition's parentheses, for every `if (`, `while (` and `switch (`.
std::vector<std::string> conditions(const std::string& text) {
  static const std::regex keyword{R"(\b(if|while|switch)\s*\()"};
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), keyword), end; it != end; ++it) {
    const auto begin = static_cast<std::size_t>(it->position() + it->length());
    std::size_t close = begin;
    for (int depth = 1; close < text.size(); ++close) {
      if (text[close] == '(') ++depth;
      if (text[close] == ')' && --depth == 0) break;
    }
    found.push_back(text.substr(begin, close - begin));
  }
  return found;
}

// GCC 12 miscompiles a task that is awaited inside a condition (its body never runs), and destroys
// a braced temporary in an awaited call twice. Await in a statement of its own, with named values.
TEST(Tidy, AwaitsStandInStatementsOfTheirOwn) {
  static const std::regex braced{R"(co_await[^;]*[(,]\s*\{)"};
  for (const auto& [path, source] : sources()) {
    if (!path.starts_with("proxy/") && !path.starts_with("control/")) continue;
    EXPECT_FALSE(std::regex_search(source.text, braced)) << path;
    for (const std::string& condition : conditions(source.text))
      EXPECT_EQ(condition.find("co_await"), std::string::npos) << path << ": " << condition;
  }
}

std::set<std::string> names_at_top() {
  std::set<std::string> names;
  const std::string command =
      "git -c safe.directory='*' -C '" + top().string() + "' ls-files 2>/dev/null";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 4096> line{};
  while (pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    const std::string path(line.data());
    names.insert(path.substr(0, path.find_first_of("/\n")));
  }
  if (!names.empty()) return names;
  // the sources may come from an archive, without .git
  for (const auto& entry : fs::directory_iterator(top()))
    if (entry.path().filename() != "build") names.insert(entry.path().filename().string());
  return names;
}

TEST(Tidy, NothingStraysAtTheTop) {
  const std::set<std::string> agreed = {"CMakeLists.txt",  "CMakePresets.json",
                                        "README.md",       "CHANGELOG.md",
                                        "CONTRIBUTING.md", "SECURITY.md",
                                        "LICENSE",         "dev",
                                        "config",          "proxy",
                                        "control",         "bench",
                                        "tests",           "docker",
                                        "systemd",         ".ci",
                                        ".clang-format",   ".clang-tidy",
                                        ".gitignore",      ".dockerignore",
                                        ".editorconfig",   ".gitattributes"};
  const std::set<std::string> found = names_at_top();
  ASSERT_TRUE(found.contains("CMakeLists.txt"));
  for (const std::string& name : found)
    EXPECT_TRUE(agreed.contains(name)) << name << " does not belong at the top";
}

}  // namespace
