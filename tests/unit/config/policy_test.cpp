// Tests `policy:`: what it says, what holds without it, and how a service overrides it.
#include "config/policy.hpp"

#include "config/names.hpp"
#include "config/show.hpp"
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;
using Weights = DeployerPolicy::Weights;
using Strictness = DeployerPolicy::Guards;

DeployerPolicy policy_in(const std::string& text) {
  const Config config = read(text);
  return policy_of(config, config.services[0]);
}

TEST(Policy, WithoutTheSectionOnlyServicesWithGatesAreStrict) {
  struct Case {
    const char* rollout;
    bool strict;
  };
  for (const Case& c :
       {Case{"{}", false}, Case{"{approval: [50%]}", true}, Case{"{approval: [0%]}", true},
        Case{"{windows: [\"Mon-Fri 08:00-17:00\"]}", true},
        Case{"{hooks: [{at: before, url: \"http://h/x\"}]}", true},
        Case{"{hooks: [{at: step, url: \"http://h/x\"}]}", true},
        Case{"{hooks: [{at: after, url: \"http://h/x\"}]}", false},
        Case{"{smoke: [{path: /x}]}", false}}) {
    const DeployerPolicy policy = policy_in(in_service("rollout: " + std::string(c.rollout)));
    EXPECT_EQ(policy.weights, c.strict ? Weights::LowerOnly : Weights::Any) << c.rollout;
    EXPECT_EQ(policy.guards, c.strict ? Strictness::StricterOnly : Strictness::Any) << c.rollout;
    EXPECT_EQ(policy.retry, !c.strict) << c.rollout;
    EXPECT_EQ(policy.force, !c.strict) << c.rollout;
    EXPECT_EQ(policy.unlock, !c.strict) << c.rollout;
    EXPECT_FALSE(policy.hosts || policy.bake_at_least || policy.first_step_at_most ||
                 policy.inconclusive)
        << c.rollout;
  }
}

TEST(Policy, EachKeyOfAServiceOverridesTheSameKeyOfTheFile) {
  const DeployerPolicy policy = policy_in(
      in_service("policy: {deployer: {weights: any, hosts: [\"*.Internal\"]}}") +
      "policy: {deployer: {weights: none, guards: stricter_only, bake_at_least: 60s, "
      "first_step_at_most: 10%, inconclusive: [hold, rollback], retry: false, force: false, "
      "unlock: false, hosts: [10.0.0.0/8, 192.0.2.1]}}\n");
  EXPECT_EQ(policy.weights, Weights::Any);
  EXPECT_EQ(policy.guards, Strictness::StricterOnly);
  EXPECT_EQ(policy.bake_at_least, 60s);
  EXPECT_EQ(policy.first_step_at_most, Share::percent(10));
  EXPECT_THAT(*policy.inconclusive, ElementsAre(RolloutDefaults::OnInconclusive::Hold,
                                                RolloutDefaults::OnInconclusive::Rollback));
  EXPECT_EQ(policy.retry, false);
  EXPECT_EQ(policy.force, false);
  EXPECT_EQ(policy.unlock, false);
  EXPECT_THAT(*policy.hosts, ElementsAre("*.internal"));
}

TEST(Policy, IsShownAsItIsWritten) {
  const std::string text = in_service("policy: {deployer: {retry: true}}") +
                           "policy: {deployer: {weights: lower_only, hosts: []}}\n";
  const std::string shown = show_json(read(text));
  EXPECT_NE(shown.find(R"("policy":{"deployer":{"retry":true}})"), shown.npos) << shown;
  EXPECT_NE(shown.find(R"("policy":{"deployer":{"weights":"lower_only","hosts":[]}})"), shown.npos)
      << shown;
  EXPECT_EQ(show_json(read(shown)), shown);
  EXPECT_EQ(show_json(read(kGood)).find("policy"), std::string::npos);
}

TEST(Policy, WhatItCannotMeanIsRefusedWithItsPlace) {
  const auto problems = [](const std::string& text) {
    return problems_in(with("policy: " + text));
  };
  EXPECT_THAT(problems("{}"), ElementsAre("5:9: `deployer` is missing"));
  EXPECT_THAT(problems("{deployer: {weights: lower}}"),
              ElementsAre("5:30: `weights` is `lower`: expected any, lower_only or none"));
  EXPECT_THAT(problems("{deployer: {inconclusive: [wait]}}"),
              ElementsAre("5:36: `inconclusive` has `wait`: expected hold, extend, promote or "
                          "rollback"));
  EXPECT_THAT(problems("{deployer: {hosts: [10.0.0.1/8]}}"),
              ElementsAre("5:29: `hosts` has `10.0.0.1/8`: the address has bits outside the "
                          "prefix, did you mean `10.0.0.0/8`?"));
  EXPECT_THAT(problems("{deployer: {hosts: [\"a b\"]}}"),
              ElementsAre("5:29: `hosts` has `a b`: expected a host such as shop.example.com, "
                          "*.example.com or *, without port"));
  EXPECT_THAT(problems("{deployer: {hosts: [10.0.0.0/8, \"*\", app.internal]}}"), IsEmpty());
}

TEST(OwnListeners, AreRecognisedInEveryForm) {
  struct Case {
    const char* endpoint;
    const char* listen;
    bool leads;
  };
  for (const Case& c :
       {Case{"127.0.0.1", "127.0.0.1", true}, Case{"127.0.0.1", "0.0.0.0", true},
        Case{"127.8.8.8", "0.0.0.0", true}, Case{"127.8.8.8", "127.0.0.1", false},
        Case{"::1", "::", true}, Case{"127.0.0.1", "::", true}, Case{"::1", "::1", true},
        Case{"::ffff:127.0.0.1", "127.0.0.1", true}, Case{"::ffff:7f00:1", "0.0.0.0", true},
        Case{"0:0:0:0:0:0:0:1", "::1", true}, Case{"0.0.0.0", "127.0.0.1", true},
        Case{"::", "127.0.0.1", true}, Case{"localhost", "127.0.0.1", true},
        Case{"localhost", "0.0.0.0", true}, Case{"localhost", "10.0.0.5", false},
        Case{"10.0.0.5", "10.0.0.5", true}, Case{"::ffff:10.0.0.5", "10.0.0.5", true},
        Case{"10.0.0.5", "0.0.0.0", false}, Case{"app.internal", "0.0.0.0", false}}) {
    EXPECT_EQ(leads_to({c.endpoint, 80}, {c.listen, 80}), c.leads)
        << c.endpoint << " to " << c.listen;
    EXPECT_FALSE(leads_to({c.endpoint, 81}, {c.listen, 80})) << "another port";
  }
  EXPECT_TRUE(leads_to({"10.0.0.5", 80}, {"0.0.0.0", 80}, true)) << "an interface has it";
  EXPECT_FALSE(leads_to({"10.0.0.5", 80}, {"10.0.0.6", 80}, true));
  EXPECT_FALSE(leads_to({"127.0.0.1", 0}, {"127.0.0.1", 0})) << "any port is none";
}

}  // namespace
}  // namespace cutwater::config
