// Tests that config/examples and config/schema.json say what the parser does.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/document.hpp"
#include "config/keys.hpp"
#include "config/show.hpp"
#include "reading.hpp"

namespace cutwater::config {
namespace {
namespace fs = std::filesystem;
using testing::IsEmpty;

const fs::path kFolder = fs::path(CUTWATER_SOURCE_DIR) / "config";

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

// Every secret exists, and no two are the same.
Sources generous_sources() {
  return {.env =
              [](const std::string& name) {
                return std::optional(name.ends_with("_URL") ? "https://example.com/" + name
                                                            : "env-" + name);
              },
          .file = [](const std::string& path) { return FileText("file-" + path); },
          .list = [](const std::string&) { return FileText("u1\nu2\n"); }};
}

std::vector<fs::path> examples() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(kFolder / "examples"))
    if (entry.is_regular_file()) found.push_back(entry.path());
  return found;
}

TEST(Examples, AreAllGood) {
  ASSERT_GE(examples().size(), 5u);
  for (const fs::path& example : examples()) {
    EXPECT_THAT(problems_in(text_of(example), generous_sources()), IsEmpty()) << example;
  }
}

TEST(Examples, ShownAsJsonReadBackTheSame) {
  for (const fs::path& example : examples()) {
    const std::string shown = show_json(read(text_of(example), generous_sources()));
    EXPECT_EQ(show_json(read(shown, generous_sources())), shown) << example;
  }
}

TEST(Examples, TheFullOneSaysTheDefaultsWhereItClaimsTo) {
  const Config full = read(text_of(kFolder / "examples/full.yaml"), generous_sources());
  const Service& shop = full.services.at(0);
  const Service plain = read(kGood).services.at(0);
  Config a, b;
  a.services = {shop};
  a.limits = full.limits;
  a.drain_notice = full.drain_notice;
  a.drain_timeout = full.drain_timeout;
  b.services = {plain};
  // The comments in that file say that these are not defaults.
  b.services[0].versions = shop.versions;
  b.services[0].flags = shop.flags;
  b.services[0].mirror = shop.mirror;
  b.services[0].sticky.domain = shop.sticky.domain;
  b.services[0].sticky.secret = shop.sticky.secret;
  b.services[0].fallback = shop.fallback;
  b.services[0].health.enabled = true;
  b.services[0].health.host = shop.health.host;
  b.services[0].health.headers = shop.health.headers;
  b.services[0].health.port = shop.health.port;
  b.services[0].memory.enabled = true;
  b.services[0].memory.limit_bytes = shop.memory.limit_bytes;
  EXPECT_EQ(show_json(a), show_json(b));
}

void collect_keys(const Node& node, std::set<std::string>& keys) {
  for (const NodePtr& item : node.items) collect_keys(*item, keys);
  for (const auto& [key, value] : node.pairs) {
    keys.insert(key->text);
    collect_keys(*value, keys);
  }
}

TEST(Examples, TheFullOneHasEveryKey) {
  Report report("full.yaml");
  const NodePtr root = read_document(text_of(kFolder / "examples/full.yaml"), report);
  ASSERT_TRUE(root);
  std::set<std::string> written;
  collect_keys(*root, written);
  for (const Section* section : all_sections()) {
    for (const Key& key : section->keys) {
      if (key.state != Key::State::Available) continue;
      EXPECT_TRUE(written.contains(std::string(key.name))) << section->name << "." << key.name;
    }
  }
}

TEST(Schema, HasExactlyTheKeysOfTheParser) {
  const auto schema = boost::json::parse(text_of(kFolder / "schema.json"));
  EXPECT_EQ(schema.at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  for (const Section* section : all_sections()) {
    const auto& definition = schema.at("$defs").at(section->name).as_object();
    EXPECT_EQ(definition.at("additionalProperties"), false) << section->name;
    std::set<std::string> in_schema, in_parser;
    for (const auto& property : definition.at("properties").as_object()) {
      in_schema.insert(property.key());
    }
    for (const Key& key : section->keys) {
      const bool accepted = key.state == Key::State::Available || !key.only_value.empty();
      if (accepted) in_parser.insert(std::string(key.name));
    }
    EXPECT_EQ(in_schema, in_parser) << section->name;
  }
}

TEST(Schema, RefersOnlyToWhatItDefines) {
  const std::string text = text_of(kFolder / "schema.json");
  const auto schema = boost::json::parse(text);
  const std::string kRef = "\"#/$defs/";
  std::size_t references = 0;
  for (auto at = text.find(kRef); at != std::string::npos; at = text.find(kRef, at + 1)) {
    const auto start = at + kRef.size();
    const std::string name = text.substr(start, text.find('"', start) - start);
    EXPECT_TRUE(schema.at("$defs").as_object().contains(name)) << name;
    ++references;
  }
  EXPECT_GT(references, 50u);
}

}  // namespace
}  // namespace cutwater::config
