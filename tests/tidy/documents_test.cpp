// Rules about documents: what is cited exists, and tables tell the truth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "tests/tidy/cpp_text.hpp"
#include "tests/tidy/tree.hpp"

namespace cutwater::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Breaches = std::vector<std::string>;

std::vector<std::string> matches(const std::string& text, const std::regex& pattern, int group) {
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    found.push_back((*it)[static_cast<std::size_t>(group)]);
  return found;
}

// --- cited documents
// -------------------------------------------------------------------------------

bool has_file_named(const Tree& tree, const std::string& name) {
  return std::any_of(tree.begin(), tree.end(),
                     [&](const auto& file) { return name_of(file.first) == name; });
}

// A path counts from the top or from the folder of the citing file. A bare name may mean the
// document of a folder that the sentence has named. Documents of gRPC keep the path they have in
// its repository.
bool document_exists(const Tree& tree, const std::string& citing, std::string cited) {
  if (cited.starts_with("//") || cited.starts_with("grpc/doc/")) return true;
  if (cited.starts_with("/")) cited.erase(0, 1);
  if (cited.find('/') == std::string::npos) return has_file_named(tree, cited);
  return tree.contains(resolve("", cited)) || tree.contains(resolve(folder_of(citing), cited));
}

Breaches missing_documents(const Tree& tree) {
  static const std::regex document{R"([\w./-]*[\w-]\.md\b)"};
  Breaches found;
  for (const auto& [path, text] : tree)
    for (const std::string& cited : matches(text, document, 0))
      if (!document_exists(tree, path, cited)) found.push_back(path + " cites " + cited);
  return found;
}

TEST(CitedDocuments, OneThatIsNotThereIsRejected) {
  const Tree sample = {{"proxy/a.cpp",
                        "// The rule is in lost"
                        ".md, section 2.\n"},
                       {"proxy/b.cpp",
                        "// See proxy/guard/LOST"
                        ".md.\n"},
                       {"proxy/README.md",
                        "[a](../LOST"
                        ".md#part) is not [b](README.md)\n"}};
  EXPECT_THAT(missing_documents(sample), ElementsAre("proxy/README.md cites ../LOST"
                                                     ".md",
                                                     "proxy/a.cpp cites lost"
                                                     ".md",
                                                     "proxy/b.cpp cites proxy/guard/LOST"
                                                     ".md"));
}

TEST(CitedDocuments, OneThatIsThereIsAccepted) {
  const Tree sample = {{"proxy/README.md",
                        "[up](../README.md), [down](guard/README"
                        ".md#a)\n"},
                       {"proxy/guard/README.md",
                        "https://example.test/other"
                        ".md\n"},
                       {"README.md", "proxy/README.md\n"},
                       {"proxy/guard/a.cpp",
                        "// The folder's README.md, grpc/doc/other"
                        ".md\n"}};
  EXPECT_THAT(missing_documents(sample), IsEmpty());
}

TEST(CitedDocuments, AreAllThere) {
  EXPECT_THAT(missing_documents(repository()), IsEmpty());
}

// --- tables of Markdown
// ----------------------------------------------------------------------------

using Row = std::vector<std::string>;

// Splits "| a | b \| c |" into its cells.
Row cells_of(const std::string& line) {
  Row cells;
  std::string cell;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '|' && line[i - 1] != '\\') {
      cells.push_back(cell);
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

// Returns the rows of the tables whose first column has one of these headings.
std::vector<Row> rows_under(const std::string& text, const std::set<std::string>& headings) {
  std::vector<Row> rows;
  bool inside = false, wanted = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("|")) {
      inside = false;
      continue;
    }
    const Row cells = cells_of(line);
    if (!inside) wanted = !cells.empty() && headings.contains(cells[0]);
    if (inside && wanted && !line.starts_with("|--")) rows.push_back(cells);
    inside = true;
  }
  return rows;
}

std::vector<std::string> quoted(const std::string& cell) {
  static const std::regex code{R"(`([^`]+)`)"};
  return matches(cell, code, 1);
}

// --- tables of folders and files
// -------------------------------------------------------------------

bool is_readme(const std::string& path) {
  return name_of(path) == "README.md";
}

// A name in a table means a folder or file below the document. `app` stands for app.hpp and
// app.cpp, and a star for any letters.
bool is_below(const Tree& tree, const std::string& folder, const std::string& name) {
  const std::string path = resolve(folder, name);
  if (name.ends_with("/")) return has_folder(tree, path);
  if (tree.contains(path) || tree.contains(path + ".cpp") || has_folder(tree, path)) return true;
  const std::string letters = std::regex_replace(name, std::regex{R"(\.)"}, "\\.");
  const std::regex wanted{std::regex_replace(letters, std::regex{R"(\*)"}, "[^/]*")};
  const std::string start = folder.empty() ? "" : folder + "/";
  return std::any_of(tree.begin(), tree.end(), [&](const auto& file) {
    if (!file.first.starts_with(start)) return false;
    const std::string below = file.first.substr(start.size());
    return std::regex_match(below, wanted) || std::regex_match(name_of(below), wanted);
  });
}

Breaches false_table_rows(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!path.ends_with(".md")) continue;
    for (const Row& row : rows_under(text, {" folder ", " file "}))
      for (const std::string& name : quoted(row[0]))
        if (!is_below(tree, folder_of(path), name)) found.push_back(path + " lists " + name);
  }
  return found;
}

// A README that lists folders lists all of its own.
Breaches folders_not_listed(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_readme(path)) continue;
    std::set<std::string> listed;
    for (const Row& row : rows_under(text, {" folder "}))
      for (const std::string& name : quoted(row[0])) listed.insert(name);
    if (listed.empty()) continue;
    for (const std::string& folder : folders_in(tree, folder_of(path)))
      if (!folder.starts_with(".") && !listed.contains(folder + "/"))
        found.push_back(path + " does not list " + folder + "/");
  }
  return found;
}

TEST(FolderTables, ANameThatIsNotThereIsRejected) {
  const Tree sample = {{"proxy/README.md",
                        "| folder | what |\n|---|---|\n| `net/`, `gone/` | x |\n\n"
                        "| file | what |\n|---|---|\n| `gone.hpp`, `gone.*` | x |\n"},
                       {"proxy/net/socket.hpp", ""}};
  EXPECT_THAT(false_table_rows(sample),
              ElementsAre("proxy/README.md lists gone/", "proxy/README.md lists gone.hpp",
                          "proxy/README.md lists gone.*"));
}

TEST(FolderTables, AFolderThatIsNotListedIsRejected) {
  const Tree sample = {{"proxy/README.md", "| folder | what |\n|---|---|\n| `net/` | x |\n"},
                       {"proxy/net/socket.hpp", ""},
                       {"proxy/new/thing.hpp", ""}};
  EXPECT_THAT(folders_not_listed(sample), ElementsAre("proxy/README.md does not list new/"));
}

TEST(FolderTables, WhatIsThereIsAccepted) {
  const Tree sample = {
      {"proxy/README.md",
       "| folder | what |\n|---|---|\n| `net/` | `gone` |\n| `app` | x |\n\n"
       "| file | what |\n|---|---|\n| `net/socket.hpp`, `socket.hpp`, `net/so*` | x |\n\n"
       "| limit | value |\n|---|---|\n| `gone` | 1 |\n"},
      {"proxy/app.cpp", ""},
      {"proxy/net/socket.hpp", ""}};
  EXPECT_THAT(false_table_rows(sample), IsEmpty());
  EXPECT_THAT(folders_not_listed(sample), IsEmpty());
}

TEST(FolderTables, AreTrue) {
  EXPECT_THAT(false_table_rows(repository()), IsEmpty());
  EXPECT_THAT(folders_not_listed(repository()), IsEmpty());
}

// --- tests/HARDENING.md
// ----------------------------------------------------------------------------

// Holds what the sources of the tests define: suites with the files they are in, and tests.
struct Tests {
  std::map<std::string, std::set<std::string>> suites;  // with the files that define tests of it
  std::set<std::string> names;                          // Suite.Name
};

Tests tests_of(const Tree& tree) {
  static const std::regex test{R"(\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\))"};
  Tests all;
  for (const auto& [path, text] : tree) {
    if (!path.starts_with("tests/") || !path.ends_with(".cpp")) continue;
    const std::string code = code_only(text);
    for (std::sregex_iterator it(code.begin(), code.end(), test), end; it != end; ++it) {
      all.suites[(*it)[1]].insert(path);
      all.names.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  return all;
}

// `file` is the end of a path.
bool defines(const Tests& tests, const std::string& file, const std::string& suite) {
  const auto found = tests.suites.find(suite);
  return found != tests.suites.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const std::string& path) { return path.ends_with("/" + file); });
}

// A row is a demand, and its last cell names the tests that hold it: as Suite.Name, or a suite of
// rows alone. A row without any says so.
Breaches unproven_rows(const Tree& tree) {
  static const std::regex test_name{R"([A-Z]\w*\.\w+)"}, suite_name{R"([A-Z]\w*)"};
  static const std::regex no_test{"no test|not built yet"};
  const Tests tests = tests_of(tree);
  Breaches found;
  const std::string& text = tree.at("tests/HARDENING.md");
  for (const Row& row : rows_under(text, {" id "})) {
    int proofs = 0;
    for (const std::string& name : quoted(row.back())) {
      const bool is_test = std::regex_match(name, test_name);
      if (!is_test && !std::regex_match(name, suite_name)) continue;
      ++proofs;
      if (is_test ? !tests.names.contains(name) : !tests.suites.contains(name))
        found.push_back("there is no test " + name);
    }
    if (proofs == 0 && !std::regex_search(row.back(), no_test))
      found.push_back("row" + row[0] + "names no test");
  }
  for (const Row& row : rows_under(text, {" file "}))
    for (const std::string& file : quoted(row[0]))
      for (const std::string& suite : quoted(row.back()))
        if (!defines(tests, file, suite)) found.push_back(file + " has no suite " + suite);
  return found;
}

const std::string kHardeningHead = "| id | input | required | test |\n|---|---|---|---|\n";

TEST(HardeningRows, ATestThatIsNotThereIsRejected) {
  const Tree sample = {
      {"tests/HARDENING.md", kHardeningHead + "| S01 | x | y | `Framing.Gone`, `Gone` |\n"
                                              "| S02 | x | y | surely |\n\n"
                                              "| file | suites |\n|---|---|\n"
                                              "| `a_test.cpp` | `Framing`, `Gone` |\n"},
      {"tests/unit/a_test.cpp", "// TEST(Framing, Gone)\nTEST(Framing, Here) {}\n"}};
  EXPECT_THAT(unproven_rows(sample),
              ElementsAre("there is no test Framing.Gone", "there is no test Gone",
                          "row S02 names no test", "a_test.cpp has no suite Gone"));
}

TEST(HardeningRows, ATestThatIsThereIsAccepted) {
  const Tree sample = {
      {"tests/HARDENING.md", kHardeningHead +
                                 "| S01 | `Host` \\| x | y | `Framing.Here`, `Rows`; `connect` |\n"
                                 "| S02 | x | y | not built yet |\n\n"
                                 "| file | suites |\n|---|---|\n| `a_test.cpp` | `Framing` |\n"},
      {"tests/unit/a_test.cpp", "TEST_F(Framing, Here) {}\nTEST_P(Rows, Any) {}\n"}};
  EXPECT_THAT(unproven_rows(sample), IsEmpty());
}

TEST(HardeningRows, NameTestsThatAreThere) {
  EXPECT_THAT(unproven_rows(repository()), IsEmpty());
}

// --- names of tests
// --------------------------------------------------------------------------------

// One convention: suite and test are in PascalCase, and the test is a sentence.
Breaches odd_test_names(const Tree& tree) {
  static const std::regex pascal_case{"[A-Z][A-Za-z0-9]*\\.[A-Z][A-Za-z0-9]*"};
  Breaches found;
  for (const std::string& name : tests_of(tree).names)
    if (!std::regex_match(name, pascal_case)) found.push_back(name);
  return found;
}

TEST(TestNames, UnderscoresAndSmallLettersAreRejected) {
  const Tree sample = {{"tests/a_test.cpp",
                        "TEST(Suite, A_sentence) {}\nTEST_F(Suite, aSentence) {}\n"
                        "TEST_P(\n    a_suite, ASentence) {}\n"}};
  EXPECT_THAT(odd_test_names(sample),
              ElementsAre("Suite.A_sentence", "Suite.aSentence", "a_suite.ASentence"));
}

TEST(TestNames, PascalCaseIsAccepted) {
  const Tree sample = {
      {"tests/a_test.cpp", "TEST(Suite, ASentenceOf404Letters) {}\nTEST_F(H2Suite, S01IsSo) {}\n"}};
  EXPECT_THAT(odd_test_names(sample), IsEmpty());
}

TEST(TestNames, AreInPascalCase) {
  EXPECT_THAT(odd_test_names(repository()), IsEmpty());
}

}  // namespace
}  // namespace cutwater::tidy
