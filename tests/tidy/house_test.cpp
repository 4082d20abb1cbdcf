// Rules of the house that are read off single lines: how a header opens, what is not left lying
// about, how a coroutine awaits, what lies at the top.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <regex>
#include <set>

#include "tests/tidy/tree.hpp"

namespace cutwater::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Breaches = std::vector<std::string>;

// --- headers
// ---------------------------------------------------------------------------------------

Breaches odd_headers(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_header(path)) continue;
    if (!text.starts_with("//")) found.push_back(path + " does not open with a comment");
    if (text.find("#pragma once\n") == std::string::npos)
      found.push_back(path + " is read more than once");
  }
  return found;
}

TEST(Headers, WithoutCommentOrPragmaTheyAreRejected) {
  const Tree sample = {{"a.hpp", "#pragma once\n"},
                       {"b.hpp", "// Says what it is.\n"},
                       {"c.hpp", "// Says what it is.\n#pragma once\n"},
                       {"d.cpp", ""}};
  EXPECT_THAT(odd_headers(sample),
              ElementsAre("a.hpp does not open with a comment", "b.hpp is read more than once"));
}

TEST(Headers, SayWhatTheyAreAndAreReadOnce) {
  EXPECT_THAT(odd_headers(repository()), IsEmpty());
}

// --- nothing is left for later
// ---------------------------------------------------------------------

const std::string kMark = std::string("FIX") + "ME";

Breaches left_for_later(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree)
    if (is_source(path) && text.find(kMark) != std::string::npos) found.push_back(path);
  return found;
}

TEST(LeftForLater, AMarkIsRejectedAndItsHalfAccepted) {
  const Tree sample = {{"a.cpp", "// " + kMark + ": later\n"}, {"b.cpp", "// FIX this\n"}};
  EXPECT_THAT(left_for_later(sample), ElementsAre("a.cpp"));
}

TEST(LeftForLater, IsNothing) {
  EXPECT_THAT(left_for_later(repository()), IsEmpty());
}

// --- awaiting
// --------------------------------------------------------------------------------------

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
Breaches hidden_awaits(const Tree& tree) {
  static const std::regex braced{R"(co_await[^;]*[(,]\s*\{)"};
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_source(path) || !(path.starts_with("proxy/") || path.starts_with("control/"))) continue;
    if (std::regex_search(text, braced)) found.push_back(path + " awaits with a braced temporary");
    for (const std::string& condition : conditions(text))
      if (condition.find("co_await") != std::string::npos)
        found.push_back(path + " awaits in a condition: " + condition);
  }
  return found;
}

TEST(Awaits, InAConditionOrWithABracedTemporaryAreRejected) {
  const Tree sample = {{"proxy/a.cpp", "if ((co_await f()).ok()) g();\n"},
                       {"proxy/b.cpp", "co_await f(1,\n  {2});\n"},
                       {"control/c.cpp", "while (x && co_await f(y)) g();\n"}};
  EXPECT_THAT(hidden_awaits(sample),
              ElementsAre("control/c.cpp awaits in a condition: x && co_await f(y)",
                          "proxy/a.cpp awaits in a condition: (co_await f()).ok()",
                          "proxy/b.cpp awaits with a braced temporary"));
}

TEST(Awaits, InAStatementOfTheirOwnAreAccepted) {
  const Tree sample = {{"proxy/a.cpp", "const bool ok = co_await f(x);\nif (ok) co_await g();\n"}};
  EXPECT_THAT(hidden_awaits(sample), IsEmpty());
}

TEST(Awaits, StandInStatementsOfTheirOwn) {
  EXPECT_THAT(hidden_awaits(repository()), IsEmpty());
}

// --- the top
// ---------------------------------------------------------------------------------------

// Asks git, so that what a person keeps beside the sources does not count.
std::set<std::string> names_at_top() {
  std::set<std::string> names;
  const std::string command = "git -c safe.directory='*' -C '" + std::string(CUTWATER_SOURCE_DIR) +
                              "' ls-files 2>/dev/null";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 4096> line{};
  while (pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    const std::string path(line.data());
    names.insert(path.substr(0, path.find_first_of("/\n")));
  }
  if (!names.empty()) return names;
  // The sources may come from an archive, without .git.
  for (const auto& [path, text] : repository()) names.insert(path.substr(0, path.find('/')));
  return names;
}

Breaches strays(const std::set<std::string>& names) {
  static const std::set<std::string> agreed = {"CMakeLists.txt",  "CMakePresets.json",
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
  Breaches found;
  for (const std::string& name : names)
    if (!agreed.contains(name)) found.push_back(name);
  return found;
}

TEST(Top, ANameThatWasNotAgreedOnIsRejected) {
  EXPECT_THAT(strays({"README.md", "notes.txt", "proxy"}), ElementsAre("notes.txt"));
}

TEST(Top, HoldsOnlyWhatWasAgreedOn) {
  const std::set<std::string> found = names_at_top();
  ASSERT_TRUE(found.contains("CMakeLists.txt"));
  EXPECT_THAT(strays(found), IsEmpty());
}

// A rule over no files would hold whatever they say.
TEST(Tree, HoldsTheSources) {
  for (const char* path : {"proxy/routing/snapshot.hpp", "control/main.cpp", "config/parse.cpp",
                           "tests/HARDENING.md", "dev", ".ci/run"})
    EXPECT_FALSE(repository().contains(path) ? repository().at(path).empty() : true) << path;
}

}  // namespace
}  // namespace cutwater::tidy
