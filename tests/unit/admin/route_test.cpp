#include "control/admin/route.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cutwater::control::admin {
namespace {

using boost::beast::http::verb;
using Kind_ = Precondition::Kind;

TEST(Routes, VerbsAreNotNames) {
  EXPECT_EQ(match_route(verb::get, "/v1/rollouts/r-1").vars, std::vector<std::string>{"r-1"});
  EXPECT_EQ(match_route(verb::post, "/v1/rollouts/r-1:promote").route->pattern,
            "/v1/rollouts/{id}:promote");
  EXPECT_EQ(match_route(verb::post, "/v1/rollouts/r-1:promote-full").route->pattern,
            "/v1/rollouts/{id}:promote-full");
  EXPECT_TRUE(match_route(verb::post, "/v1/rollouts/r-1:explode").allow.empty());
  EXPECT_TRUE(match_route(verb::get, "/v1/rollouts/r-1:").allow.empty());
}

TEST(Routes, NamesAreDecodedOnceAndKeepTheirSlashes) {
  const Matched matched = match_route(verb::get, "/v1/services/a%2Fb%3Ac%2520/weights?x=1");
  EXPECT_EQ(matched.vars, std::vector<std::string>{"a/b:c%20"});
  EXPECT_TRUE(match_route(verb::get, "/v1/services/%zz").allow.empty());
}

TEST(Routes, WhatIsNotAPathMatchesNothing) {
  for (const char* target :
       {"", "*", "http://localhost/v1/services", "/v1/services/", "//v1/services", "/v1//services",
        "/v1/services/../config", "/V1/services", "/v1"}) {
    EXPECT_TRUE(match_route(verb::get, target).allow.empty()) << target;
  }
}

TEST(Routes, APathKnownByAnotherMethodSaysWhich) {
  const Matched matched = match_route(verb::delete_, "/v1/services/shop/weights");
  EXPECT_EQ(matched.route, nullptr);
  EXPECT_EQ(matched.allow, (std::vector<std::string_view>{"GET", "HEAD", "PUT"}));
}

TEST(Routes, NoTwoRowsAreTheSameAndNoGetChangesAnything) {
  std::set<std::string> seen;
  for (const Route& route : routes()) {
    EXPECT_TRUE(
        seen.insert(std::to_string(static_cast<int>(route.verb)) + std::string(route.pattern))
            .second)
        << route.pattern;
    EXPECT_TRUE(route.verb != verb::get || route.access <= Access::Viewer) << route.pattern;
    EXPECT_EQ(route.kind == Kind::Api || route.kind == Kind::Probe, route.handler != nullptr)
        << route.pattern;
  }
}

TEST(Routes, IfMatchIsAGenerationAnythingOrUnusable) {
  EXPECT_EQ(parse_if_match({}).kind, Kind_::Absent);
  EXPECT_EQ(parse_if_match({"*"}).kind, Kind_::Any);
  EXPECT_EQ(parse_if_match({"\"7\""}).kind, Kind_::Generation);
  EXPECT_EQ(parse_if_match({"\"7\""}).generation, 7u);
  for (const char* tag : {"W/\"7\"", "7", "\"\"", "\"7", "\"seven\"", "\"7\", \"8\"", "\"-7\"",
                          "\"99999999999999999999\""}) {
    EXPECT_EQ(parse_if_match({tag}).kind, Kind_::Unusable) << tag;
  }
  EXPECT_EQ(parse_if_match({"\"7\"", "\"7\""}).kind, Kind_::Unusable);
}

TEST(Routes, QueriesAreDecodedAndUnambiguous) {
  EXPECT_EQ(parse_query("/x?a=1%202&b=").values,
            (std::map<std::string, std::string>{{"a", "1 2"}, {"b", ""}}));
  EXPECT_NE(parse_query("/x?a=1&a=2").error, "");
  EXPECT_NE(parse_query("/x?a=%zz").error, "");
}

// The document and the table are the same thing seen twice.
TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  const boost::json::object document = openapi(routes());
  std::set<std::string> described;
  for (const auto& [path, methods] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      described.insert(std::string(method) + " " + std::string(path));
      EXPECT_FALSE(operation.at("summary").as_string().empty());
      EXPECT_TRUE(operation.at("responses").as_object().contains("default"));
    }
  }
  std::set<std::string> routed;
  for (const Route& route : routes()) {
    std::string method(boost::beast::http::to_string(route.verb));
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    routed.insert(method + " " + std::string(route.pattern));
  }
  EXPECT_EQ(described, routed);
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
}

TEST(OpenApi, NamesItsServerAndEveryOperationOnce) {
  const boost::json::object document = openapi(routes());
  EXPECT_EQ(document.at("servers").at(0).at("url").as_string(), "/");
  std::set<std::string> ids;
  std::size_t operations = 0;
  for (const auto& [path, methods] : document.at("paths").as_object())
    for (const auto& [method, operation] : methods.as_object()) {
      ids.emplace(operation.at("operationId").as_string());
      ++operations;
    }
  EXPECT_EQ(ids.size(), operations);
  EXPECT_TRUE(ids.contains("put_services_service_weights"));
  EXPECT_TRUE(ids.contains("post_rollouts_id_promote_full"));
  EXPECT_TRUE(ids.contains("get_page"));
}

TEST(OpenApi, DescribesTheBodiesAsTheyAre) {
  const boost::json::object document = openapi(routes());
  const auto& schemas = document.at("components").at("schemas").as_object();
  for (const Route& route : routes()) {
    if (route.body == Body::None || route.body == Body::Yaml) continue;
    EXPECT_TRUE(schemas.contains(route.request)) << route.pattern;
    // A body that must be there has members; where nothing is read, it may be absent.
    EXPECT_EQ(route.body == Body::OptionalJson ||
                  schemas.at(route.request).as_object().contains("properties"),
              true)
        << route.pattern;
  }
  const auto& rollout = schemas.at("RolloutBody").at("properties").as_object();
  for (const char* member :
       {"to", "strategy", "steps", "bake", "max_step", "on_inconclusive", "approval", "holdback",
        "keep_old", "max_unavailable", "retry", "force", "commit_time"})
    EXPECT_TRUE(rollout.contains(member)) << member;
  EXPECT_EQ(rollout.size(), 13u) << "as control/rollout/plan_request.cpp lists them";
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const boost::json::object document = openapi(routes());
  const auto& schemas = document.at("components").at("schemas").as_object();
  const std::string text = boost::json::serialize(document);
  const std::string prefix = "#/components/schemas/";
  int references = 0;
  for (std::size_t at = text.find(prefix); at != text.npos; at = text.find(prefix, at + 1)) {
    const std::size_t start = at + prefix.size();
    EXPECT_TRUE(schemas.contains(text.substr(start, text.find('"', start) - start)));
    ++references;
  }
  EXPECT_GT(references, 50);
}

}  // namespace
}  // namespace cutwater::control::admin
