// Rules about who may include whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/tidy/tree.hpp"

namespace cutwater::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Breaches = std::vector<std::string>;

// --- what a folder may reach, directly or through the project's own headers
// ------------------------

void collect_includes(const Tree& tree, const std::string& path, std::set<std::string>& found) {
  for (const std::string& include : includes_of(tree.at(path)))
    if (found.insert(include).second && tree.contains(include))
      collect_includes(tree, include, found);
}

// Finds the files that begin with `start` and reach a header that begins with one of `forbidden`.
Breaches reached(const Tree& tree, const std::string& start,
                 const std::vector<std::string>& forbidden) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_source(path) || !path.starts_with(start)) continue;
    std::set<std::string> includes;
    collect_includes(tree, path, includes);
    for (const std::string& include : includes)
      for (const std::string& other : forbidden)
        if (include.starts_with(other)) found.push_back(path + " reaches " + include);
  }
  return found;
}

TEST(Reach, AHeaderBehindAHeaderIsFoundAndAnotherFolderIsNot) {
  const Tree sample = {{"config/a.cpp", "#include \"config/b.hpp\"\n"},
                       {"config/b.hpp", "#include \"proxy/c.hpp\"\n"},
                       {"proxy/c.hpp", "#include \"control/d.hpp\"\n"}};
  EXPECT_THAT(reached(sample, "config/a", {"control/"}),
              ElementsAre("config/a.cpp reaches control/d.hpp"));
  EXPECT_THAT(reached(sample, "config/", {"yaml-cpp/"}), IsEmpty());
}

TEST(Reach, ConfigKnowsNeitherProxyNorControl) {
  EXPECT_THAT(reached(repository(), "config/", {"proxy/", "control/", "boost/asio"}), IsEmpty());
}

TEST(Reach, OnlyTheConfigReaderKnowsYaml) {
  EXPECT_THAT(reached(repository(), "proxy/", {"yaml-cpp/"}), IsEmpty());
  EXPECT_THAT(reached(repository(), "control/", {"yaml-cpp/"}), IsEmpty());
}

TEST(Reach, TheDataPlaneKnowsNothingOfControl) {
  EXPECT_THAT(reached(repository(), "proxy/",
                      {"control/", "prometheus/", "sqlite3", "spdlog/", "CLI/", "boost/json",
                       "boost/beast"}),
              IsEmpty());
}

// The tests of these parts never sleep and need no sockets, because the parts include no Asio.
TEST(Reach, PurePartsIncludeNoAsio) {
  for (const char* part :
       {"proxy/base/", "proxy/routing/", "proxy/guard/", "proxy/stats/", "proxy/http/h1/chunked",
        "proxy/http/h1/head_parser", "proxy/http/header_rules", "proxy/http/message",
        "proxy/http/target", "control/rollout/engine", "control/rollout/transition_builder",
        "control/rollout/endpoint_replacement", "control/rollout/stage_life",
        "control/rollout/person_commands"}) {
    EXPECT_TRUE(repository().lower_bound(part)->first.starts_with(part)) << part << " is gone";
    EXPECT_THAT(
        reached(repository(), part, {"boost/asio", "boost/beast", "proxy/net/", "proxy/worker/"}),
        IsEmpty())
        << part;
  }
}

// --- heights: a folder includes only lower folders
// -------------------------------------------------

struct Heights {
  std::string top;
  // From the lowest to the highest. Folders of one row do not include each other. A path names the
  // folder below it, or the sources that begin like it.
  std::vector<std::vector<std::string>> rows;
};

const Heights kProxy = {"proxy",
                        {{"base"},
                         {"net", "stats"},
                         {"http", "guard"},
                         {"http/h1", "routing"},
                         {"http/h2"},
                         {"upstream"},
                         {"exchange"},
                         {"worker"}}};

const Heights kControl = {"control",
                          {{"base"},
                           {"store", "health"},
                           {"snapshot"},
                           {"rollout"},
                           {"state"},
                           {"guards", "notify"},
                           {"steering", "history"},
                           {"operations", "autopilot"},
                           {"admin", "metrics"},
                           {"assembly"},
                           {"app"},
                           {"cli"},
                           {"main"}}};

// Returns the longest entry of the table that holds the file.
std::string place_of(const Heights& heights, const std::string& path) {
  const std::string rest = path.substr(heights.top.size() + 1);
  std::string longest;
  for (const auto& row : heights.rows)
    for (const std::string& name : row)
      if ((rest.starts_with(name + "/") || rest.starts_with(name + ".")) &&
          name.size() > longest.size())
        longest = name;
  return longest;
}

std::size_t height_of(const Heights& heights, const std::string& place) {
  const auto row = std::find_if(heights.rows.begin(), heights.rows.end(), [&](const auto& names) {
    return std::find(names.begin(), names.end(), place) != names.end();
  });
  return static_cast<std::size_t>(row - heights.rows.begin());
}

Breaches upward_includes(const Tree& tree, const Heights& heights) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!is_source(path) || !path.starts_with(heights.top + "/")) continue;
    const std::string from = place_of(heights, path);
    if (from.empty()) found.push_back(path + " has no height");
    for (const std::string& include : includes_of(text)) {
      if (from.empty() || !include.starts_with(heights.top + "/")) continue;
      const std::string to = place_of(heights, include);
      if (from != to && height_of(heights, to) >= height_of(heights, from))
        found.push_back(path + " includes " + include);
    }
  }
  return found;
}

// Writes the table as the README of the folder must show it: base <- {net, stats} <- ...
std::string arrows(const Heights& heights) {
  std::string line;
  for (const auto& row : heights.rows) {
    std::string names;
    for (const std::string& name : row) names += (names.empty() ? "" : ", ") + name;
    line += (line.empty() ? "" : " <- ") + (row.size() > 1 ? "{" + names + "}" : names);
  }
  return line;
}

TEST(FolderHeights, AnIncludeUpwardsOrBesideIsRejected) {
  const Heights heights = {"proxy", {{"base"}, {"net", "stats"}, {"http"}, {"http/h1"}}};
  const Tree sample = {
      {"proxy/base/up.hpp", "#include \"proxy/net/socket.hpp\"\n"},
      {"proxy/http/up.hpp", "#include \"proxy/http/h1/codec.hpp\"\n"},
      {"proxy/net/beside.cpp", "#include \"proxy/stats/cell.hpp\"\n"},
      {"proxy/stray.hpp", ""},
  };
  EXPECT_THAT(upward_includes(sample, heights),
              ElementsAre("proxy/base/up.hpp includes proxy/net/socket.hpp",
                          "proxy/http/up.hpp includes proxy/http/h1/codec.hpp",
                          "proxy/net/beside.cpp includes proxy/stats/cell.hpp",
                          "proxy/stray.hpp has no height"));
}

TEST(FolderHeights, AnIncludeDownwardsOrInTheSameFolderIsAccepted) {
  const Heights heights = {"proxy", {{"base"}, {"net", "stats"}, {"http"}, {"http/h1"}}};
  const Tree sample = {
      {"proxy/http/h1/down.hpp", "#include \"proxy/http/a.hpp\"\n#include \"proxy/base/b.hpp\"\n"},
      {"proxy/net/same.cpp", "#include \"proxy/net/same.hpp\"\n#include \"config/model.hpp\"\n"}};
  EXPECT_THAT(upward_includes(sample, heights), IsEmpty());
}

TEST(FolderHeights, HoldInProxy) {
  EXPECT_THAT(upward_includes(repository(), kProxy), IsEmpty());
}

TEST(FolderHeights, HoldInControl) {
  EXPECT_THAT(upward_includes(repository(), kControl), IsEmpty());
}

TEST(FolderHeights, AreToldInTheReadmes) {
  for (const Heights& heights : {kProxy, kControl}) {
    const std::string& readme = repository().at(heights.top + "/README.md");
    EXPECT_TRUE(readme.find("`" + arrows(heights) + "`") != std::string::npos)
        << heights.top << "/README.md does not say " << arrows(heights);
  }
}

// --- a source includes its own header first
// --------------------------------------------------------

// A header that is included first somewhere cannot lean on what others have included before it.
// A source without a header of its name implements a part of another one: it begins with a header
// of its folder.
Breaches own_header_not_first(const Tree& tree) {
  Breaches found;
  for (const auto& [path, text] : tree) {
    if (!path.ends_with(".cpp")) continue;
    const auto includes = includes_of(text);
    const std::string first = includes.empty() ? "nothing" : includes.front();
    const std::string own = path.substr(0, path.size() - 4) + ".hpp";
    if (tree.contains(own)) {
      if (first != own) found.push_back(path + " begins with " + first);
      continue;
    }
    const bool is_product =
        path.starts_with("config/") || path.starts_with("proxy/") || path.starts_with("control/");
    if (is_product && path != "control/main.cpp" && folder_of(first) != folder_of(path))
      found.push_back(path + " begins with " + first);
  }
  return found;
}

TEST(OwnHeader, AnotherHeaderInFrontOfItIsRejected) {
  const Tree sample = {{"config/a.cpp", "#include <map>\n\n#include \"config/a.hpp\"\n"},
                       {"config/a.hpp", ""},
                       {"config/a_more.cpp", "#include <map>\n\n#include \"config/a.hpp\"\n"},
                       {"tests/support/b.cpp", ""},
                       {"tests/support/b.hpp", ""}};
  EXPECT_THAT(own_header_not_first(sample),
              ElementsAre("config/a.cpp begins with map", "config/a_more.cpp begins with map",
                          "tests/support/b.cpp begins with nothing"));
}

TEST(OwnHeader, InFrontOfAllOthersItIsAccepted) {
  const Tree sample = {{"config/a.cpp", "// a\n#include \"config/a.hpp\"\n\n#include <map>\n"},
                       {"config/a.hpp", ""},
                       {"config/a_more.cpp", "#include \"config/a.hpp\"\n\n#include <map>\n"},
                       {"tests/unit/a_test.cpp", "#include <map>\n"}};
  EXPECT_THAT(own_header_not_first(sample), IsEmpty());
}

TEST(OwnHeader, IsFirstEverywhere) {
  EXPECT_THAT(own_header_not_first(repository()), IsEmpty());
}

}  // namespace
}  // namespace cutwater::tidy
