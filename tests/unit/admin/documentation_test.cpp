// control/admin/README.md is what scripts are written from. The tests compare its tables with the
// sources: every type of error, and every decision with its cause.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace cutwater::control::admin::documentation {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

using Words = std::set<std::string>;

std::string text_of_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::string& readme() {
  static const std::string text = text_of_file(CUTWATER_SOURCE_DIR "/control/admin/README.md");
  return text;
}

// The command line only reads what the others say.
const std::string& sources() {
  static const std::string text = [] {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(CUTWATER_SOURCE_DIR "/control")) {
      const fs::path& path = entry.path();
      const bool is_code = path.extension() == ".cpp" || path.extension() == ".hpp";
      if (is_code && path.parent_path().filename() != "cli") all += text_of_file(path);
    }
    return all;
  }();
  return text;
}

// Returns what stands between backticks.
Words words_in(const std::string& cell) {
  Words words;
  std::istringstream parts(cell);
  std::string part;
  for (bool inside = false; std::getline(parts, part, '`'); inside = !inside)
    if (inside) words.insert(part);
  return words;
}

// The first two cells that say words, of each row below a heading: | 409 | `a`, `b` | or
// | `action` | `cause`, `cause` |
struct Row {
  Words first;
  Words second;
};
std::vector<Row> rows_below(const std::string& markdown, const std::string& heading) {
  std::vector<Row> rows;
  std::istringstream lines(markdown.substr(markdown.find("\n" + heading + "\n") + 1));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && !line.starts_with("## ")) {
    if (!line.starts_with("| ")) continue;
    std::istringstream cells(line.substr(1));
    std::string first;
    std::string second;
    std::getline(cells, first, '|');
    std::getline(cells, second, '|');
    rows.push_back({words_in(first), words_in(second)});
  }
  return rows;
}

Words documented_errors(const std::string& markdown) {
  Words words;
  for (Row& row : rows_below(markdown, "## Errors")) words.merge(row.second);
  return words;
}

std::map<std::string, Words> documented_decisions(const std::string& markdown) {
  std::map<std::string, Words> causes;
  for (const Row& row : rows_below(markdown, "## Decisions"))
    for (const std::string& action : row.first)
      causes[action].insert(row.second.begin(), row.second.end());
  return causes;
}

// problem(409, "type", ...), refuse(400, "type", ...) and, of the engine, refuse("type", ...)
Words errors_of(const std::string& code) {
  static const std::regex pattern(R"rx(\b(problem|refuse)\((\s*\d{3},)?\s*"([a-z_]*[a-z])")rx");
  Words words;
  for (std::sregex_iterator at(code.begin(), code.end(), pattern), end; at != end; ++at)
    words.insert((*at)[3]);
  return words;
}

// {"action", "cause", ...} wherever a decision is made with both as literals.
std::set<std::pair<std::string, std::string>> decisions_of(const std::string& code) {
  static const std::regex pattern(
      R"rx((?:decide\(|Decide\{|Why\{|Why why\{|say_once\(|stop_unjudged\(|(?:draft|state),\s*\{)rx"
      R"rx(|Kind::\w+,\s*(?:to|\{\}),\s*\{)\s*"([a-z_]+)",\s*"([a-z_]+)")rx");
  std::set<std::pair<std::string, std::string>> found;
  for (std::sregex_iterator at(code.begin(), code.end(), pattern), end; at != end; ++at)
    found.emplace((*at)[1], (*at)[2]);
  return found;
}

std::vector<std::string> undocumented(const std::string& code, const std::string& markdown) {
  std::vector<std::string> out;
  const Words errors = documented_errors(markdown);
  for (const std::string& word : errors_of(code))
    if (!errors.contains(word)) out.push_back(word);
  const auto decisions = documented_decisions(markdown);
  for (const auto& [action, cause] : decisions_of(code)) {
    const auto row = decisions.find(action);
    if (row == decisions.end() || !row->second.contains(cause))
      out.push_back(action + " (" + cause + ")");
  }
  return out;
}

// A word of the page that no source says any more. "flag_killed" may be said as "flag_" + "killed".
std::vector<std::string> invented(const std::string& code, const std::string& markdown) {
  Words words = documented_errors(markdown);
  for (const auto& [action, causes] : documented_decisions(markdown)) words.insert(action);
  std::vector<std::string> out;
  for (const std::string& word : words) {
    const std::string end = word.starts_with("flag_") ? word.substr(5) : word;
    if (code.find('"' + word + '"') == code.npos && code.find('"' + end + '"') == code.npos)
      out.push_back(word);
  }
  return out;
}

TEST(AdminReadme, HasEveryErrorAndDecisionOfTheSourcesAndNoOther) {
  ASSERT_GT(errors_of(sources()).size(), 50U);
  ASSERT_GT(decisions_of(sources()).size(), 30U);
  EXPECT_THAT(undocumented(sources(), readme()), IsEmpty());
  EXPECT_THAT(invented(sources(), readme()), IsEmpty());
}

TEST(AdminReadme, AnErrorOrDecisionWithoutARowIsFound) {
  const std::string code =
      "co_return problem(409, \"too_late\",\n \"\"); refuse(\"too_soon\", \"\"); "
      "decide(draft, {\"promoted\", \"whim\", \"\"}); decide(\"vanished\", \"manual\", \"\");";
  EXPECT_THAT(undocumented(code, readme()),
              ElementsAre("too_late", "too_soon", "promoted (whim)", "vanished (manual)"));
}

TEST(AdminReadme, ARowThatNoSourceSaysIsFound) {
  const std::string page =
      "\n## Errors\n| 409 | `rollout_active`, `never_said` | text |\n"
      "## Decisions\n| `started`, `flag_stolen` | `manual` | text |\n";
  EXPECT_THAT(invented(sources(), page), ElementsAre("flag_stolen", "never_said"));
}

}  // namespace
}  // namespace cutwater::control::admin::documentation
