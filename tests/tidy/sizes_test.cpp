// Rules about how much one place may hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/tidy/cpp_text.hpp"
#include "tests/tidy/tree.hpp"

namespace cutwater::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Breaches = std::vector<std::string>;

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// --- files
// -----------------------------------------------------------------------------------------

constexpr long kMostOfSource = 500;
constexpr long kMostOfHeader = 250;
constexpr long kMostOfMain = 60;

Breaches long_files(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_source(path)) continue;
    const long most = path == "control/main.cpp" ? kMostOfMain
                      : is_header(path)          ? kMostOfHeader
                                                 : kMostOfSource;
    const long lines = std::count(text.begin(), text.end(), '\n');
    if (lines > most) found.push_back(path + " has " + std::to_string(lines) + " lines");
  }
  return found;
}

TEST(FileLength, OneLineMoreThanTheMostIsRejected) {
  const Tree at_most = {{"config/a.cpp", times(500, "\n")},
                        {"config/a.hpp", times(250, "\n")},
                        {"control/main.cpp", times(60, "\n")}};
  EXPECT_THAT(long_files(at_most), IsEmpty());
  Tree more = at_most;
  for (auto& [path, text] : more) text += "\n";
  EXPECT_THAT(long_files(more),
              ElementsAre("config/a.cpp has 501 lines", "config/a.hpp has 251 lines",
                          "control/main.cpp has 61 lines"));
}

TEST(FileLength, HoldsEverywhere) {
  EXPECT_THAT(long_files(repository()), IsEmpty());
}

// --- functions
// -------------------------------------------------------------------------------------

constexpr int kMostOfFunction = 70;  // lines, from the first of the head to the closing brace

Breaches long_functions(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_source(path)) continue;
    for (const Function& function : outline_of(text).functions)
      if (function.lines > kMostOfFunction)
        found.push_back(path + ":" + std::to_string(function.line) + " " + function.head + " has " +
                        std::to_string(function.lines) + " lines");
  }
  return found;
}

TEST(FunctionLength, SeventyOneLinesAreRejectedAndSeventyAccepted) {
  const Tree sample = {
      {"config/free.cpp", "namespace a {\n\nint f(int x) {\n" + times(69, "  ++x;\n") + "}\n}\n"},
      {"config/right.cpp", "int f(int x) {\n" + times(68, "  ++x;\n") + "}\n"}};
  EXPECT_THAT(long_functions(sample), ElementsAre("config/free.cpp:3 int f(int x) { has 71 lines"));
}

TEST(FunctionLength, MethodsConstructorsTemplatesAndTestsAreFunctions) {
  const std::string body = times(70, "  // }\n") + "}\n";
  const Tree sample = {
      {"a.cpp", "class A {\n public:\n  A() : b_{1}, c_(\"{\") {\n" + body + "};\n"},
      {"b.cpp", "Task<void> B::run(std::function<void()> done) const {\n" + body},
      {"c.cpp", "template <class T>\nauto c(T t) -> std::vector<T> {\n" + body},
      {"d.cpp", "TEST_F(Suite, Name) {\n  auto f = [] { return R\"(})\"; };\n" + body}};
  EXPECT_EQ(long_functions(sample).size(), 4u);
}

TEST(FunctionLength, TablesAndClassesAreNoFunctions) {
  const std::string rows = times(80, "  {'{', \"a\"},\n");
  const Tree sample = {{"a.cpp", "const Row kRows[] = {\n" + rows + "};\n"},
                       {"b.cpp", "const auto kMap = make<int>({\n" + rows + "});\n"},
                       {"c.cpp", "struct C {\n" + times(80, "  int x;\n") + "};\n"},
                       {"d.cpp", "enum class D {\n" + times(80, "  X,\n") + "};\n"},
                       {"e.cpp", "#define E(x) {\n" + times(80, "// {\n")}};
  EXPECT_THAT(long_functions(sample), IsEmpty());
}

TEST(FunctionLength, HoldsEverywhere) {
  EXPECT_THAT(long_functions(repository()), IsEmpty());
}

// --- classes
// ---------------------------------------------------------------------------------------

constexpr std::size_t kMostMethods = 30;

Breaches large_classes(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_source(path)) continue;
    for (const Class& in : outline_of(text).classes)
      if (in.methods.size() > kMostMethods)
        found.push_back(path + " class " + in.name + " has " + std::to_string(in.methods.size()) +
                        " methods");
  }
  return found;
}

std::string class_with(const std::string& name, int methods) {
  std::string text = "class " + name + " : public Base {\n public:\n  " + name + "();\n";
  for (int i = 0; i < methods; ++i)
    text += "  virtual std::function<void()> m" + std::to_string(i) + "(int x = f()) const;\n";
  return text + "};\n";
}

TEST(ClassSize, ThirtyOneMethodsAreRejectedAndThirtyAccepted) {
  const Tree sample = {{"a.hpp", class_with("Large", 31)}, {"b.hpp", class_with("Right", 30)}};
  EXPECT_THAT(large_classes(sample), ElementsAre("a.hpp class Large has 31 methods"));
}

TEST(ClassSize, OnlyMethodsWithABodyOfTheirOwnElsewhereCount) {
  const std::string text =
      "class A {\n public:\n  explicit A(int x) : x_{x} {}\n  ~A();\n"
      "  bool operator==(const A&) const;\n  int x() const { return x_; }\n"
      "  virtual void pure() = 0;\n  void take() override;\n  friend void other(A&);\n"
      "  void counted();\n  void counted(int);\n  int inline_body() {\n    return 1;\n  }\n"
      " private:\n  std::function<void(int)> field_;\n  int y_ = f(1);\n  int x_;\n};\n";
  const auto classes = outline_of(text).classes;
  ASSERT_EQ(classes.size(), 1u);
  EXPECT_THAT(classes[0].methods, ElementsAre("counted", "inline_body"));
}

TEST(ClassSize, HoldsEverywhere) {
  EXPECT_THAT(large_classes(repository()), IsEmpty());
}

// --- the top of control/
// ---------------------------------------------------------------------------

constexpr int kMostLooseFiles = 5;

// Counts the sources that are in no folder of an idea. Documents are at home there.
int loose_files(const Tree& tree, const std::string& folder) {
  return static_cast<int>(std::count_if(tree.begin(), tree.end(), [&](const auto& file) {
    return is_source(file.first) && folder_of(file.first) == folder;
  }));
}

TEST(LooseFiles, AreCountedWithoutDocumentsAndFolders) {
  const Tree sample = {{"control/README.md", ""},
                       {"control/a.cpp", ""},
                       {"control/a.hpp", ""},
                       {"control/base/b.hpp", ""}};
  EXPECT_EQ(loose_files(sample, "control"), 2);
}

TEST(LooseFiles, SixAreTooMany) {
  Tree sample;
  for (const char* name : {"a", "b", "c", "d", "e"})
    sample[std::string("control/") + name + ".cpp"];
  EXPECT_LE(loose_files(sample, "control"), kMostLooseFiles);
  sample["control/f.cpp"];
  EXPECT_GT(loose_files(sample, "control"), kMostLooseFiles);
}

TEST(LooseFiles, AreFewAtTheTopOfControl) {
  EXPECT_LE(loose_files(repository(), "control"), kMostLooseFiles);
}

// --- the README
// ------------------------------------------------------------------------------------

// A stranger reads it in a few minutes, or not at all.
constexpr int kMostWordsOfReadme = 1500;

int words_in(const std::string& text) {
  std::istringstream words(text);
  int count = 0;
  for (std::string word; words >> word;) ++count;
  return count;
}

TEST(Readme, OneWordMoreThanTheMostIsTooLong) {
  EXPECT_LE(words_in(times(1500, "word\n")), kMostWordsOfReadme);
  EXPECT_GT(words_in(times(1501, "word ")), kMostWordsOfReadme);
}

TEST(Readme, IsShort) {
  EXPECT_LE(words_in(repository().at("README.md")), kMostWordsOfReadme);
}

}  // namespace
}  // namespace cutwater::tidy
