// Measures what it costs to decide who gets which version: split, flags, cookie. It uses no
// sockets.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/routing/assignment.hpp"
#include "proxy/routing/splitter.hpp"

namespace cutwater::routing {
namespace {

ServiceSnapshot make_service(std::vector<std::pair<std::string, std::int32_t>> versions) {
  ServiceSnapshot service;
  service.name = "shop";
  service.salt = 0x5eed;
  service.sticky.name = "cw_shop";
  for (auto& [name, weight] : versions) {
    VersionSnapshot version;
    version.name = name;
    version.weight = weight;
    version.endpoints = {std::make_shared<upstream::Endpoint>(
        1, "http://127.0.0.1:9001", "127.0.0.1:9001", sockaddr_storage{}, socklen_t{0})};
    version.monitor = std::make_shared<guard::VersionMonitor>("shop", name, 1);
    service.versions.push_back(std::move(version));
  }
  return service;
}

std::vector<std::string> make_users() {
  std::vector<std::string> users;
  for (int i = 0; i < 1024; ++i) users.push_back("user-" + std::to_string(i));
  return users;
}

void split_subjects(benchmark::State& state, const ServiceSnapshot& service) {
  const std::vector<std::string> users = make_users();
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(split(service, users[at++ & 1023]));
}

void BM_SplitTwoVersions(benchmark::State& state) {
  split_subjects(state, make_service({{"blue", 950'000}, {"green", 50'000}}));
}
BENCHMARK(BM_SplitTwoVersions);

void BM_SplitFiveVersions(benchmark::State& state) {
  split_subjects(
      state, make_service(
                 {{"a", 600'000}, {"b", 100'000}, {"c", 100'000}, {"d", 100'000}, {"e", 100'000}}));
}
BENCHMARK(BM_SplitFiveVersions);

void BM_Draw(benchmark::State& state) {
  const ServiceSnapshot service = make_service({{"blue", 950'000}, {"green", 50'000}});
  Random random(7);
  for (auto _ : state) benchmark::DoNotOptimize(draw(service, random));
}
BENCHMARK(BM_Draw);

// Makes the whole decision for one request, with this Cookie field.
void assign_with(benchmark::State& state, const ServiceSnapshot& service,
                 const std::string& cookie) {
  http::RequestHead head;
  if (!cookie.empty()) head.fields.push_back({"Cookie", cookie, http::FieldId::Cookie});
  Random random(7);
  CookieIdSource ids;
  const RequestView view{&head, "192.0.2.7"};
  for (auto _ : state) benchmark::DoNotOptimize(assign(service, view, random, ids));
}

void BM_AssignNewVisitor(benchmark::State& state) {
  assign_with(state, make_service({{"blue", 950'000}, {"green", 50'000}}), "");
}
BENCHMARK(BM_AssignNewVisitor);

void BM_AssignReturningVisitor(benchmark::State& state) {
  const ServiceSnapshot service = make_service({{"blue", 950'000}, {"green", 50'000}});
  const CookieValue value = service.cookie_key.value(CookieId{});
  assign_with(state, service, "cw_shop=" + std::string(value.begin(), value.end()));
}
BENCHMARK(BM_AssignReturningVisitor);

// There are `flags` flags that ask for a percentage of the users of a cookie, none of which
// matches.
void BM_AssignPastFlags(benchmark::State& state) {
  ServiceSnapshot service = make_service({{"blue", 950'000}, {"green", 50'000}});
  for (int i = 0; i < state.range(0); ++i) {
    config::Flag flag;
    flag.name = "flag-" + std::to_string(i);
    flag.percentage = Share{};
    flag.key = config::FlagKey{config::FlagKey::Kind::Cookie, "uid"};
    flag.version = "green";
    service.flags.push_back(make_flag(flag, service.sticky, service.version_names()));
  }
  const CookieValue value = service.cookie_key.value(CookieId{});
  assign_with(state, service, "uid=u17; cw_shop=" + std::string(value.begin(), value.end()));
}
BENCHMARK(BM_AssignPastFlags)->Arg(1)->Arg(10);

// The flag has a list of beta users from a file.
void BM_FlagAllowList(benchmark::State& state) {
  std::vector<std::string> ids;
  for (int i = 0; i < state.range(0); ++i) ids.push_back("user-" + std::to_string(i * 7));
  config::Flag flag;
  flag.name = "beta";
  flag.key = config::FlagKey{config::FlagKey::Kind::Cookie, "uid"};
  flag.allow = config::IdList(std::move(ids));
  flag.version = "green";
  const FlagSnapshot made = make_flag(flag, {}, {"blue", "green"});
  const std::vector<std::string> users = make_users();
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(made, {}, users[at++ & 1023]));
}
BENCHMARK(BM_FlagAllowList)->Arg(100)->Arg(100'000);

}  // namespace
}  // namespace cutwater::routing
