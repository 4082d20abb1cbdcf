// Tests files that are hostile, broken, or YAML that a configuration has no use for.

#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

TEST(Document, SyntaxErrorsHaveAPlaceAndAnExplanation) {
  EXPECT_THAT(
      problems_in("a: [1, 2\nb: 3\n"),
      ElementsAre("2:2: `]` or `,` is missing here; text with any of {}[],:# needs quotes"));
  EXPECT_THAT(problems_in("a: {b: 1\n"), ElementsAre(HasSubstr("`}` or `,` is missing here")));
  EXPECT_THAT(problems_in("a: b: c\n"),
              ElementsAre("1:5: a `:` is not possible here; check the indentation, or put the text "
                          "in quotes"));
  EXPECT_THAT(problems_in("a: @x\n"), ElementsAre("1:4: text cannot start with this character; put "
                                                  "it in quotes"));
  EXPECT_THAT(problems_in("a: 1\n]\n"), ElementsAre("2:1: this bracket was never opened"));
  EXPECT_THAT(problems_in("a: 1\nb: *nobody\n"), ElementsAre(HasSubstr("2:4: ")));
}

TEST(Document, AnUnclosedQuoteIsNotClosedQuietly) {
  EXPECT_THAT(problems_in(kGood + "state_dir: \"/var/lib\n"),
              ElementsAre(HasSubstr("a quoted text is not closed before this line")));
  EXPECT_THAT(problems_in(kGood + "state_dir: '/var/lib"),
              ElementsAre(HasSubstr("a quoted text is not closed before this line")));
}

TEST(Document, EmptyFiles) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "~\n", "\xEF\xBB\xBF"}) {
    EXPECT_THAT(problems_in(text),
                ElementsAre(" the file is empty; it needs at least `listeners` and `services`"))
        << text;
  }
}

TEST(Document, ARootThatIsNoMapping) {
  EXPECT_THAT(
      problems_in("just text\n"),
      ElementsAre("1:1: `the file`: expected a mapping (`key: value`), found a single value"));
  EXPECT_THAT(problems_in("- a\n"), ElementsAre(HasSubstr("found a list")));
}

TEST(Document, AByteOrderMarkAndCrlfAreFine) {
  EXPECT_THAT(problems_in("\xEF\xBB\xBF" + kGood), IsEmpty());
  std::string crlf;
  for (const char c : kGood) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_THAT(problems_in(crlf), IsEmpty());
}

TEST(Document, Utf16IsNamed) {
  const std::string little(
      "\xFF\xFE"
      "a\0:\0",
      6);
  const std::string without_mark("a\0:\0 \0001\0", 8);
  EXPECT_THAT(problems_in(little), ElementsAre("1:1: UTF-16 or UTF-32; save the file as UTF-8"));
  EXPECT_THAT(problems_in(without_mark),
              ElementsAre("1:1: UTF-16 or UTF-32; save the file as UTF-8"));
}

TEST(Document, BadBytesAreNamedWithTheirPlace) {
  EXPECT_THAT(problems_in(kGood + "a: \xC0\xAF"),
              ElementsAre("5:4: not valid UTF-8; save the file as UTF-8",
                          "5:5: not valid UTF-8; save the file as UTF-8"));
  // yaml-cpp would take this for the end of the file.
  EXPECT_THAT(problems_in(kGood + "\x04\nwieght: 1\n"), ElementsAre("5:1: a control character"));
  EXPECT_THAT(problems_in("a: 1\rb: 2\n"),
              ElementsAre("1:5: a carriage return without a line feed; end lines with LF or CRLF"));
}

TEST(Document, TabsInTheIndentation) {
  EXPECT_THAT(problems_in("a:\n\tb: 1\n  \tc: 1\n"),
              ElementsAre("2:1: a tab in the indentation; use spaces",
                          "3:3: a tab in the indentation; use spaces"));
  EXPECT_THAT(problems_in(kGood + "\t\n\t# a comment\n"), IsEmpty());
}

TEST(Document, ColumnsCountCharactersNotBytes) {
  EXPECT_THAT(problems_in(with("{\"é€😀\": 1}: 2")), ElementsAre(HasSubstr("5:")));
  EXPECT_THAT(
      problems_in(in_service("guards: {\"é€😀\": 1, p95: 1}")),
      ElementsAre(
          "5:14: unknown key `é€😀`; known here: error_rate, p95, p95_critical, "
          "false_rollback, relative, relative_tolerance, latency_tolerance, ignore, blame_window, "
          "per_route, dry_run",
          "5:29: `p95` is `1`: expected a duration such as 250ms, 10s, 5m, 1h or 30d"));
}

TEST(Document, DuplicateKeysAtAnyDepth) {
  EXPECT_THAT(problems_in(with("workers: 1\nworkers: 2")),
              ElementsAre("6:1: duplicate key `workers`, first written in line 5"));
  EXPECT_THAT(problems_in(with("mystery:\n  deep: {a: 1, a: 2}")),
              ElementsAre(HasSubstr("5:1: unknown key `mystery`"),
                          "6:16: duplicate key `a`, first written in line 6"));
}

TEST(Document, YamlThatAConfigurationHasNoUseFor) {
  EXPECT_THAT(problems_in(with("<<: {workers: 1}")),
              ElementsAre("5:1: merge keys (`<<`) are not supported; write the keys out"));
  EXPECT_THAT(problems_in(with("workers: !!int 1")),
              ElementsAre("5:10: tags (`!name`) are not supported; remove the tag"));
  EXPECT_THAT(problems_in(with("admin: !x {}")),
              ElementsAre("5:8: tags (`!name`) are not supported; remove the tag"));
  EXPECT_THAT(problems_in(with("? [a]\n: 1")), ElementsAre("5:3: a key must be a plain word"));
  EXPECT_THAT(problems_in(with("~: 1")), ElementsAre(HasSubstr("a key must be a plain word")));
}

TEST(Document, ASecondDocument) {
  EXPECT_THAT(problems_in(with("---\nworkers: 1")),
              ElementsAre("5:1: a second document starts here; a configuration is one document"));
  EXPECT_THAT(problems_in(with("...\nworkers: 1")),
              ElementsAre("6:1: a second document starts here; a configuration is one document"));
  EXPECT_THAT(problems_in("---\n" + kGood + "...\n"), IsEmpty());
}

TEST(Document, APlainAliasIsTheSameValueAgain) {
  const Config config = read(
      "listeners: [{listen: \"0.0.0.0:8080\"}]\n"
      "routes: [{match: {path: /a}, service: a}, {service: b}]\n"
      "services:\n"
      "  a: {versions: &both {v1: \"http://h:1\", v2: \"http://h:2\"}}\n"
      "  b: {versions: *both}\n");
  ASSERT_EQ(config.services.size(), 2u);
  EXPECT_EQ(config.services[1].versions[1].endpoints[0].url, "http://h:2");
}

TEST(Document, AProblemInAnAliasedValueIsReportedOnce) {
  EXPECT_THAT(
      problems_in("listeners: [{listen: \"0.0.0.0:8080\"}]\n"
                  "routes: [{match: {path: /a}, service: a}, {service: b}]\n"
                  "services:\n"
                  "  a: {versions: &both {v1: \"http://h:0\"}}\n"
                  "  b: {versions: *both}\n"),
      ElementsAre("4:28: endpoint `http://h:0`: the port must be a number from 1 to 65535"));
}

TEST(Document, AnAliasInsideItsOwnAnchor) {
  EXPECT_THAT(problems_in("a: &a [*a]\n"),
              ElementsAre("1:8: this alias is inside its own anchor, so it would never end"));
  EXPECT_THAT(problems_in("a: &a {b: {c: *a}}\n"), ElementsAre(HasSubstr("would never end")));
}

// See tests/HARDENING.md C10. The message says which budget ended the reading; without that budget
// an alias bomb would take longer than any test may.
template <typename Text>
void expect_stopped(const Text& text, const std::string& message) {
  EXPECT_THAT(problems_in(text), ElementsAre(HasSubstr(message)));
}

TEST(Document, AnAliasBomb) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
            repeated(before + ", ", 9) + before + "]\n";
  }
  expect_stopped(bomb,
                 "too much content: more than 100000 values, aliases counted as if written out");
}

TEST(Document, TooMuchOfEverything) {
  expect_stopped("a: [" + repeated("x,", 100'001) + "]\n", "too much content");
  expect_stopped(std::string(1024 * 1024 + 1, '#'), "larger than 1 MiB");
}

TEST(Document, TooManyEntriesWhereEachIsComparedWithTheOthers) {
  std::string versions = "v0: \"http://h\"";
  for (int i = 1; i <= 64; ++i) versions += ", v" + std::to_string(i) + ": \"http://h\"";
  const std::string listeners = "listeners: [{listen: \"0.0.0.0:8080\"}]\n";
  expect_stopped(listeners + "services: {s: {versions: {" + versions + "}}}\n",
                 "2:26: `versions` has more than 64 versions");
  expect_stopped(listeners + "services: {s: {versions: {v: {endpoints: [" +
                     repeated("\"http://h:1\", ", 50'000) + "]}}}}\n",
                 "2:42: `endpoints` has more than 1000 entries");
  expect_stopped(in_service("flags: [" + repeated("{}, ", 1001) + "]"),
                 "5:12: `flags` has more than 1000 entries");
}

TEST(Document, DeepNestingDoesNotOverflowTheStack) {
  expect_stopped("a: " + repeated("[", 10'000), "nested deeper than 64 levels");
  expect_stopped("a: " + repeated("{b: ", 10'000), "nested deeper than 64 levels");
  expect_stopped(repeated("- ", 10'000), "nested deeper than 64 levels");
  std::string indented;
  for (int i = 0; i < 500; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  expect_stopped(indented, "nested deeper than 64 levels");
}

TEST(Document, DeepNestingByAliases) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            "]\n";
  }
  expect_stopped(text, "nested deeper than 64 levels");
}

TEST(Document, ThousandsOfProblemsAreCountedNotKept) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const Lines lines = problems_in(text);
  ASSERT_EQ(lines.size(), 1001u);
  EXPECT_THAT(lines.back(), HasSubstr("more problems"));
}

}  // namespace
}  // namespace cutwater::config
