#include "proxy/routing/route_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace cutwater::routing {
namespace {

class Routes : public testing::Test {
 protected:
  void add(std::string host, std::string path, std::string name) {
    auto service = std::make_shared<ServiceSnapshot>();
    service->name = std::move(name);
    snapshot.routes.push_back({std::move(host), std::move(path), std::move(service)});
    sort_routes(snapshot.routes);
  }
  std::string match(std::string_view host, std::string_view path) {
    const RouteEntry* route = match_route(snapshot, host, path);
    return route == nullptr ? "404" : route->service->name;
  }
  RoutingSnapshot snapshot;
};

TEST_F(Routes, NoRouteIsNoService) {
  EXPECT_EQ(match("shop.example.com", "/"), "404");
  add("shop.example.com", "/", "shop");
  EXPECT_EQ(match("other.example.com", "/"), "404");
  EXPECT_EQ(match("", "/"), "404");
}

TEST_F(Routes, ExactBeforeWildcardBeforeAny) {
  add("*", "/", "any");
  add("*.example.com", "/", "wild");
  add("*.shop.example.com", "/", "longer");
  add("a.shop.example.com", "/", "exact");
  EXPECT_EQ(match("a.shop.example.com", "/"), "exact");
  EXPECT_EQ(match("b.shop.example.com", "/"), "longer");
  EXPECT_EQ(match("x.y.example.com", "/"), "wild");
  EXPECT_EQ(match("example.com", "/"), "any") << "the wildcard stands for at least one label";
  EXPECT_EQ(match("notexample.com", "/"), "any");
  EXPECT_EQ(match(".example.com", "/"), "any");
  EXPECT_EQ(match("", "/"), "any") << "HTTP/1.0 without Host";
}

TEST_F(Routes, PathsAreComparedDecoded) {
  add("*", "/", "root");
  add("*", "/a%7Cb", "bar");
  add("*", "/x!y", "mark");
  add("*", "/p%2Fq", "slash");
  EXPECT_EQ(match("h", "/a%7Cb/c"), "bar");
  EXPECT_EQ(match("h", "/a|b/c"), "bar") << "browsers send it raw";
  EXPECT_EQ(match("h", "/a|b%2Fc"), "root") << "an encoded slash ends no segment";
  EXPECT_EQ(match("h", "/a%257Cb"), "root") << "decoded once";
  EXPECT_EQ(match("h", "/x%21y"), "mark");
  EXPECT_EQ(match("h", "/p%2Fq"), "slash");
  EXPECT_EQ(match("h", "/p/q"), "root");
}

TEST_F(Routes, TheLongestPathOnWholeSegments) {
  add("*", "/", "root");
  add("*", "/api", "api");
  add("*", "/api/v2", "v2");
  EXPECT_EQ(match("h", "/"), "root");
  EXPECT_EQ(match("h", "/api"), "api");
  EXPECT_EQ(match("h", "/api/"), "api");
  EXPECT_EQ(match("h", "/api/x"), "api");
  EXPECT_EQ(match("h", "/apix"), "root");
  EXPECT_EQ(match("h", "/api/v2/x"), "v2");
  EXPECT_EQ(match("h", "/api/v20"), "api");
  EXPECT_EQ(match("h", "/API"), "root") << "paths are case-sensitive";
  EXPECT_EQ(match("h", "*"), "root") << "OPTIONS *";
}

TEST_F(Routes, APathWithASlashAtTheEndMeansWhatIsBelow) {
  add("*", "/files/", "files");
  EXPECT_EQ(match("h", "/files/a"), "files");
  EXPECT_EQ(match("h", "/files"), "404");
}

TEST_F(Routes, ASpecificHostWithoutTheRightPathLeavesTheRequestToLaterHosts) {
  add("*", "/", "any");
  add("shop.example.com", "/api", "api");
  EXPECT_EQ(match("shop.example.com", "/"), "any");
}

TEST_F(Routes, HostsIgnoreCaseAndATrailingDot) {
  add("shop.example.com", "/", "shop");
  add("*.example.org", "/", "wild");
  EXPECT_EQ(match("SHOP.Example.COM", "/"), "shop");
  EXPECT_EQ(match("shop.example.com.", "/"), "shop");
  EXPECT_EQ(match("A.EXAMPLE.ORG.", "/"), "wild");
  EXPECT_EQ(match("shop.example.com..", "/"), "404");
}

TEST_F(Routes, Ipv6LiteralsMatchWithAndWithoutBrackets) {
  add("[2001:DB8::1]", "/", "six");
  EXPECT_EQ(match("[2001:db8::1]", "/"), "six");
  EXPECT_EQ(match("2001:db8::1", "/"), "six");
  EXPECT_EQ(match("[2001:db8::2]", "/"), "404");
}

TEST_F(Routes, TheOrderInTheFileDoesNotMatter) {
  const std::vector<std::pair<std::string, std::string>> all = {{"*", "/"},
                                                                {"*", "/api"},
                                                                {"*.example.com", "/"},
                                                                {"*.example.com", "/api"},
                                                                {"shop.example.com", "/"},
                                                                {"shop.example.com", "/api"}};
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    auto shuffled = all;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    snapshot.routes.clear();
    for (const auto& [host, path] : shuffled) add(host, path, host + path);
    ASSERT_EQ(match("shop.example.com", "/api/1"), "shop.example.com/api");
    ASSERT_EQ(match("shop.example.com", "/x"), "shop.example.com/");
    ASSERT_EQ(match("cart.example.com", "/api"), "*.example.com/api");
    ASSERT_EQ(match("localhost", "/api"), "*/api");
    ASSERT_EQ(match("localhost", "/"), "*/");
  }
}

TEST(IgnoredPaths, AreExactOrAllThatIsBelow) {
  ServiceSnapshot service;
  EXPECT_FALSE(service.ignores("/health"));
  service.ignored_paths = {"/health", "/probes/*"};
  for (const char* path : {"/health", "/probes/", "/probes/a", "/probes/a/b"})
    EXPECT_TRUE(service.ignores(path)) << path;
  for (const char* path : {"/", "/healthy", "/health/tips", "/Health", "/probes", "/probesx", ""})
    EXPECT_FALSE(service.ignores(path)) << path;
}

}  // namespace
}  // namespace cutwater::routing
