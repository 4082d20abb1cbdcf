// control/metrics/README.md is what people build dashboards and alerts from. The test compares its
// table with what is really exposed, in both directions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "control/metrics/exposition.hpp"

namespace cutwater::control {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// One metric, as Prometheus sees it or as the table describes it.
struct Family {
  std::string type;
  std::set<std::string> labels;
};
using Families = std::map<std::string, Family>;

// Every total that is kept by reason has one reason.
stats::ProxyTotals every_total() {
  stats::ProxyTotals totals;
  totals.tls_failures = {{"timeout", 1}};
  totals.proxy_errors = {{"missing", 1}};
  totals.bad_requests = {{"bare_lf", 1}};
  totals.claims_taken = {{"X-Forwarded-*", 1}};
  totals.local_replies = {{400, 1}};
  totals.http2_abuses = {{"pings", 1}};
  totals.endless_ended = {{"withdrawn", 1}};
  return totals;
}

dora::Report every_figure() {
  dora::History history;
  history.to_ms = 86'400'000;
  history.deployments = {{"shop", dora::Deployment::End::Succeeded, 2'000, 1'000, {}},
                         {"shop", dora::Deployment::End::RolledBack, 3'000, {}, 250}};
  return dora::calculate(history);
}

// An input that gives every family at least one sample, so that its labels can be seen.
MetricsInput full_proxy() {
  guard::GuardReport report;
  report.tests.resize(1);
  report.tests[0].name = "error_rate";
  MetricsInput::Version blue;
  blue.name = "blue";
  blue.guard = report;
  blue.endpoints = {{"http://127.0.0.1:9001", true}};
  MetricsInput::Service shop;
  shop.name = "shop";
  shop.versions = {blue};
  shop.rollout_phase = "progressing";
  shop.mirror = MetricsInput::Mirror{"green", {}, {{"dropped_body", 1}}, 0};
  shop.flags = {{"new-ui", true, Share::percent(10), {}, report}};

  MetricsInput input;
  input.services = {shop};
  input.proxy = every_total();
  input.notifications = {{{"slack", "delivered"}, 1}};
  input.notifications_pending = {{"slack", 1}};
  input.dora = every_figure();
  input.decisions = {{{"shop", "advanced", "passed"}, 1}};
  Certificates::Facts listener;
  listener.listener = "https";
  listener.certificates = {{"shop.pem", "shop.example.com", 1}};
  listener.revocations = {"revoked.pem", 1};
  input.certificates = {listener};
  return input;
}

// The names of the labels in `name{a="x",b="y"} 1`. Label values of full_proxy() have no comma.
std::set<std::string> labels_of(const std::string& sample) {
  std::set<std::string> labels;
  const std::size_t open = sample.find('{');
  if (open == std::string::npos) return labels;
  std::istringstream inside(sample.substr(open + 1, sample.rfind('}') - open - 1));
  for (std::string pair; std::getline(inside, pair, ',');)
    labels.insert(pair.substr(0, pair.find('=')));
  return labels;
}

// The exposition format says the type of a family before its samples. A family without any sample
// is one that full_proxy() forgot: its labels would go unseen.
Families exposed(const std::string& text) {
  Families families;
  std::set<std::string> sampled;
  std::string name;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      std::istringstream words(line.substr(7));
      words >> name;
      words >> families[name].type;
    } else if (!line.starts_with("#")) {
      families[name].labels.merge(labels_of(line));
      sampled.insert(name);
    }
  }
  for (const auto& [family, unused] : families)
    EXPECT_TRUE(sampled.contains(family)) << "full_proxy() has no sample of " << family;
  return families;
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  std::istringstream parts(row.substr(1));
  for (std::string cell; std::getline(parts, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' ');
    const std::size_t last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

// What stands between backticks: "`service`, `version`" -> {service, version}
std::set<std::string> words_in(const std::string& cell) {
  std::set<std::string> words;
  std::istringstream parts(cell);
  std::string part;
  for (bool inside = false; std::getline(parts, part, '`'); inside = !inside)
    if (inside) words.insert(part);
  return words;
}

// Rows of the table: | `name` | type | `label`, `label` | meaning | `query` |
Families documented(const std::string& markdown) {
  Families families;
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `cutwater_")) continue;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() != 5) {
      ADD_FAILURE() << "five cells are meant: " << line;
      continue;
    }
    const std::string name = *words_in(cells[0]).begin();
    EXPECT_FALSE(families.contains(name)) << name << " has two rows";
    EXPECT_FALSE(cells[3].empty()) << name << " has no meaning";
    EXPECT_THAT(cells[4], HasSubstr(name)) << "the example asks for something else";
    families[name] = {cells[1], words_in(cells[2])};
  }
  return families;
}

std::string said_of(const Family& family) {
  std::string text = family.type;
  for (const std::string& label : family.labels) text += " " + label;
  return text;
}

std::vector<std::string> differences(const Families& exposed, const Families& documented) {
  std::vector<std::string> out;
  for (const auto& [name, family] : exposed) {
    const auto row = documented.find(name);
    if (row == documented.end())
      out.push_back(name + " has no row");
    else if (said_of(row->second) != said_of(family))
      out.push_back(name + " is " + said_of(family) + ", the row says " + said_of(row->second));
  }
  for (const auto& [name, row] : documented)
    if (!exposed.contains(name)) out.push_back(name + " has a row and is not exposed");
  return out;
}

std::string readme() {
  std::ifstream file(CUTWATER_SOURCE_DIR "/control/metrics/README.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The table without the row of `name`.
std::string without_row(const std::string& markdown, const std::string& name) {
  std::string out;
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("| `" + name + "`")) out += line + "\n";
  return out;
}

TEST(MetricsReadme, DescribesEveryMetricWithItsTypeAndLabels) {
  const Families families = exposed(render_metrics(full_proxy()));
  ASSERT_GT(families.size(), 40U);
  EXPECT_THAT(differences(families, documented(readme())), IsEmpty());
}

TEST(MetricsReadme, AMissingRowIsFound) {
  const Families families = exposed(render_metrics(full_proxy()));
  const Families shorter = documented(without_row(readme(), "cutwater_retries_total"));
  EXPECT_THAT(differences(families, shorter), ElementsAre("cutwater_retries_total has no row"));
}

TEST(MetricsReadme, ARowTooManyAWrongTypeAndAWrongLabelAreFound) {
  Families families = exposed(render_metrics(full_proxy()));
  Families rows = documented(readme());
  rows["cutwater_invented_total"] = {"counter", {}};
  rows["cutwater_tunnels"].type = "counter";
  rows["cutwater_decisions_total"].labels.erase("cause");
  const std::vector<std::string> found = differences(families, rows);
  EXPECT_EQ(found.size(), 3U);
  EXPECT_THAT(found, Contains("cutwater_invented_total has a row and is not exposed"));
  EXPECT_THAT(found, Contains(HasSubstr("cutwater_tunnels is gauge")));
  EXPECT_THAT(found, Contains(HasSubstr("cutwater_decisions_total is counter action cause")));
}

}  // namespace
}  // namespace cutwater::control
