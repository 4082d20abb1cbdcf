// What a deployer may not loosen: each way in which users would get a version past approvals,
// windows and webhooks is asked of the policy. The tables are pure; below them everything goes
// through the operations, by the token of a deployer.
#include "control/operations/policy.hpp"

#include <functional>

#include "config/names.hpp"
#include "config/windows.hpp"
#include "control/operations/policy_plan.hpp"
#include "control/snapshot/places.hpp"
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

using PolicyWeights = config::DeployerPolicy::Weights;
using PolicyGuards = config::DeployerPolicy::Guards;

const Actor kDeployer{"bot", config::Role::Deployer};
const Actor kApprover{"eve", config::Role::Approver};

// An approval at 50 % after 5 %, and then all.
config::Config gated_config() {
  config::Config config = shop_config();
  config.services[0].rollout.approval = {Share::percent(50)};
  return config;
}

// The rule that refuses; empty when it is allowed.
std::string rule_of(const std::optional<Reply>& refused) {
  if (!refused) return "";
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(refused->body.at("role_needed"), "approver");
  const std::string key(refused->body.at("key").as_string());
  EXPECT_TRUE(key.starts_with("policy: {deployer: {")) << key;
  EXPECT_NE(refused->body.at("detail").as_string().find(key), std::string::npos);
  return std::string(refused->body.at("rule").as_string());
}

// --- starts --------------------------------------------------------------------------------------

std::string start_rule(const config::Config& config, const std::string& body,
                       const Actor& actor = kDeployer) {
  const config::Service& service = config.services[0];
  const auto parse = [&](const std::string& text) {
    auto parsed = parse_rollout_request(json::parse(text).as_object(), service.rollout);
    EXPECT_TRUE(std::holds_alternative<RolloutRequest>(parsed)) << text;
    return std::get<RolloutRequest>(std::move(parsed));
  };
  const std::string more = body.empty() ? "" : "," + body;
  return rule_of(
      Policy(config, service, actor)
          .start(parse("{\"to\":\"green\"" + more + "}"), parse("{\"to\":\"green\"}").plan));
}

TEST(PolicyOfStarts, NothingIsLooserThanThePlanOfTheFile) {
  config::Config config = gated_config();
  auto& rollout = config.services[0].rollout;
  rollout.steps[1].bake = 10min;
  rollout.steps[1].guards.error_rate = Share::percent(2);
  rollout.holdback = Share::percent(2);
  struct Case {
    const char* body;
    const char* rule;
  };
  for (const Case& c : {
           Case{"", ""},
           Case{R"("steps":[1,5,{"weight":50,"bake":"10m","guards":{"error_rate":2}},100])", ""},
           Case{R"("steps":[5,50,100])", "guards"},  // the bake of the step at 50 %
           Case{R"("steps":[5,{"weight":50,"bake":"10m"},100])", "guards"},  // and its limit
           Case{R"("steps":[3,{"weight":40,"bake":"10m","guards":{"error_rate":1}},100])", ""},
           Case{R"("steps":[10,{"weight":50,"bake":"10m","guards":{"error_rate":2}},100])",
                "guards"},
           Case{R"("steps":[5,100])", "guards"},
           Case{R"("steps":[{"weight":5,"guards":{"error_rate":99}},)"
                R"({"weight":50,"bake":"10m","guards":{"error_rate":2}},100])",
                "guards"},
           Case{R"("steps":[{"weight":5,"guards":{"p95":"1h"}},)"
                R"({"weight":50,"bake":"10m","guards":{"error_rate":2}},100])",
                "guards"},
           Case{R"("steps":[{"weight":5,"guards":{"p95_critical":"1h"}},)"
                R"({"weight":50,"bake":"10m","guards":{"error_rate":2}},100])",
                "guards"},
           Case{R"("steps":[{"weight":5,"guards":{"p95":"1s"}},)"
                R"({"weight":50,"bake":"10m","guards":{"error_rate":1}},100])",
                ""},
           Case{R"("bake":"1s")", "guards"},
           Case{R"("bake":"10m")", ""},
           Case{R"("bake":"2h")", ""},  // max_step rises with it
           Case{R"("on_inconclusive":"promote")", "guards"},
           Case{R"("on_inconclusive":"extend")", "guards"},
           Case{R"("on_inconclusive":"rollback")", ""},
           Case{R"("max_step":"30m")", ""},
           Case{R"("max_step":"2h")", "guards"},
           Case{R"("holdback":0)", "guards"},
           Case{R"("holdback":5)", ""},
           Case{R"("keep_old":"0s")", "guards"},
           Case{R"("keep_old":"2h")", ""},
           Case{R"("approval":[5])", ""},
           Case{R"("strategy":"blue_green")", "guards"},
           Case{R"("strategy":"rolling")", "guards"},
           Case{R"("force":true)", "force"},
           Case{R"("retry":true)", "retry"},
       }) {
    EXPECT_EQ(start_rule(config, c.body), c.rule) << c.body;
    EXPECT_EQ(start_rule(config, c.body, kApprover), "") << c.body;
    EXPECT_EQ(start_rule(shop_config(), c.body), "") << "nothing is gated: " << c.body;
  }
}

TEST(PolicyOfStarts, WhatTheFileSaysIsAllowedHoweverLoose) {
  config::Config config = gated_config();
  auto& rollout = config.services[0].rollout;
  rollout.on_inconclusive = config::RolloutDefaults::OnInconclusive::Promote;
  rollout.bake = 1s;
  rollout.keep_old = 0s;
  config.services[0].guards.error_rate = Share::percent(99);
  config.policy.bake_at_least = 60s;
  config.policy.first_step_at_most = Share::percent(1);
  config.policy.inconclusive.emplace();
  EXPECT_EQ(start_rule(config, ""), "");
  EXPECT_EQ(start_rule(config, R"("max_step":"1m")"), "guards") << "silence would promote sooner";
}

TEST(PolicyOfStarts, WrittenKeysTakeThePlaceOfTheFilesPlan) {
  config::Config config = gated_config();
  config.services[0].rollout.bake = 10min;
  config.policy.bake_at_least = 60s;
  config.policy.first_step_at_most = Share::percent(10);
  using OnInconclusive = config::RolloutDefaults::OnInconclusive;
  config.policy.inconclusive = {OnInconclusive::Hold, OnInconclusive::Extend};
  EXPECT_EQ(start_rule(config, R"("bake":"60s")"), "");
  EXPECT_EQ(start_rule(config, R"("bake":"59s")"), "bake_at_least");
  EXPECT_EQ(start_rule(config, R"("steps":[10,50,100])"), "");
  EXPECT_EQ(start_rule(config, R"("steps":[11,50,100])"), "first_step_at_most");
  EXPECT_EQ(start_rule(config, R"("steps":[10,100])"), "guards") << "50 % is left out";
  EXPECT_EQ(start_rule(config, R"("on_inconclusive":"extend")"), "");
  EXPECT_EQ(start_rule(config, R"("on_inconclusive":"promote")"), "inconclusive");
  config.policy.guards = PolicyGuards::Any;
  EXPECT_EQ(start_rule(config, R"("steps":[10,100])"), "");
  EXPECT_EQ(start_rule(config, R"("keep_old":"0s","max_step":"9h")"), "");
  EXPECT_EQ(start_rule(config, R"("bake":"1s")"), "bake_at_least");
  config.policy = {};
  config.policy.guards = PolicyGuards::Any;
  config.policy.force = true;
  config.policy.retry = true;
  EXPECT_EQ(start_rule(config, R"("bake":"1s","on_inconclusive":"promote","retry":true,)"
                               R"("force":true,"steps":[49,100])"),
            "");
}

TEST(PolicyOfStarts, AnOldPlanIsHeldAgainstTheFileOfToday) {
  config::Config config = gated_config();
  const config::Service& service = config.services[0];
  const auto parsed = parse_rollout_request({{"to", "green"}}, service.rollout);
  RolloutRequest old = std::get<RolloutRequest>(parsed);
  Plan file = old.plan;
  const auto rule = [&] { return rule_of(Policy(config, service, kDeployer).start(old, file)); };
  EXPECT_EQ(rule(), "");
  const Plan same = file;
  for (const auto& later : std::vector<std::function<void(Plan&)>>{
           [](Plan& plan) { plan.four_eyes = true; },
           [](Plan& plan) { plan.approval_expiry = 1min; },
           [](Plan& plan) { plan.stages[0].approval = true; },
           [](Plan& plan) { plan.windows = {*config::parse_window("Sun 01:00-02:00")}; },
           [](Plan& plan) { plan.gates.before = true; }, [](Plan& plan) { plan.gates.step = true; },
           [](Plan& plan) { plan.gates.smoke = true; },
           [](Plan& plan) { plan.adaptive = config::AdaptiveSteps{}; },
           [](Plan& plan) { plan.stages.insert(plan.stages.begin(), Stage{}); }}) {
    file = same;
    later(file);
    EXPECT_EQ(rule(), "guards");
  }
}

// --- weights -------------------------------------------------------------------------------------

TEST(PolicyOfWeights, OnlyTheWayBackToStableIsFree) {
  config::Config config = gated_config();
  ServiceState state;
  state.stable = "blue";
  using Weights = std::map<std::string, Share>;
  const auto split = [](int blue, int green, int red) {
    return Weights{{"blue", Share::percent(blue)},
                   {"green", Share::percent(green)},
                   {"red", Share::percent(red)}};
  };
  state.weights = split(60, 30, 10);
  const auto rule = [&](const Weights& next, bool force = false, std::int64_t until_ms = 0) {
    return rule_of(
        Policy(config, config.services[0], kDeployer).weights(state, {next, until_ms, force}));
  };
  EXPECT_EQ(rule(split(0, 100, 0)), "weights");
  EXPECT_EQ(rule(split(60, 31, 9)), "weights") << "red may fall, but not to green";
  EXPECT_EQ(rule(split(60, 30, 10)), "") << "as it is";
  EXPECT_EQ(rule(split(65, 30, 5)), "");
  EXPECT_EQ(rule(split(100, 0, 0), true), "") << "force changes nothing there";
  EXPECT_EQ(rule(split(100, 0, 0), false, 1), "") << "for a while: what comes back was there";

  // Somebody who may has given green its 30 % for a while.
  state.lease = Lease{state.weights, split(90, 0, 10), 1000, "eve"};
  EXPECT_EQ(rule(split(60, 30, 10)), "weights") << "for good";
  EXPECT_EQ(rule(split(60, 30, 10), false, 1001), "weights") << "for longer";
  EXPECT_EQ(rule(split(60, 30, 10), false, 1000), "");
  EXPECT_EQ(rule(split(70, 20, 10)), "weights") << "less, but for good";
  EXPECT_EQ(rule(split(90, 0, 10)), "");
  state.lease.reset();

  config.policy.weights = PolicyWeights::None;
  EXPECT_EQ(rule(split(100, 0, 0)), "weights");
  config.policy.weights = PolicyWeights::Any;
  EXPECT_EQ(rule(split(0, 100, 0)), "");
  EXPECT_EQ(rule(split(0, 100, 0), true), "force");
  config.policy.force = true;
  EXPECT_EQ(rule(split(0, 100, 0), true), "");
}

// --- flags ---------------------------------------------------------------------------------------

class PolicyOfFlags : public ::testing::Test {
 protected:
  PolicyOfFlags() {
    flag.name = "beta";
    flag.version = "green";
    flag.percentage = Share::percent(10);
    flag.key = config::FlagKey{config::FlagKey::Kind::Cookie, "uid"};
    flag.allow = config::IdList({"a", "b"});
    flag.deny = config::IdList({"x", "y"});
    flag.ramp = config::FlagRamp{};
  }
  std::string rule(const std::function<void(FlagState&)>& change) {
    FlagState after = before;
    change(after);
    return rule_of(Policy(config, config.services[0], kDeployer).flag(flag, before, after, stable));
  }
  config::Config config = gated_config();
  config::Flag flag;
  FlagState before;
  std::string stable = "blue";
};

TEST_F(PolicyOfFlags, MoreUsersForAVersionThatIsNotStableAreRefused) {
  using Ids = std::vector<std::string>;
  const auto percentage = [](int percent) {
    return [percent](FlagState& state) { state.percentage = Share::percent(percent); };
  };
  const auto allow = [](Ids ids) { return [ids](FlagState& state) { state.allow = ids; }; };
  const auto deny = [](Ids ids) { return [ids](FlagState& state) { state.deny = ids; }; };
  EXPECT_EQ(rule(percentage(100)), "weights");
  EXPECT_EQ(rule(percentage(9)), "");
  EXPECT_EQ(rule(allow({"a", "b", "c"})), "weights");
  EXPECT_EQ(rule(allow({"a", "c"})), "weights") << "one for another";
  EXPECT_EQ(rule(allow({"a"})), "");
  EXPECT_EQ(rule(deny({"x"})), "weights");
  EXPECT_EQ(rule(deny({"w", "x", "y"})), "");
  const auto enable = [](FlagState& state) { state.enabled = true; };
  const auto kill = [](FlagState& state) { state.enabled = false; };
  EXPECT_EQ(rule(kill), "");
  EXPECT_EQ(rule(enable), "") << "it is on";
  before.enabled = false;
  EXPECT_EQ(rule(enable), "weights");
  EXPECT_EQ(rule(percentage(11)), "weights") << "whoever revives it expects 10 %";
  before.enabled.reset();
  const auto ramp = [](FlagState& state) { state.ramping = true; };
  EXPECT_EQ(rule(ramp), "") << "it goes by the file";
  EXPECT_EQ(rule([](FlagState& state) { state.ramping = false; }), "");
  before.ramping = false;
  EXPECT_EQ(rule(ramp), "weights");

  stable = "green";
  EXPECT_EQ(rule(ramp), "");
  EXPECT_EQ(rule(percentage(100)), "");
  EXPECT_EQ(rule(allow({"a", "b", "c"})), "");
  stable = "blue";
  config.policy.weights = PolicyWeights::Any;
  EXPECT_EQ(rule(percentage(100)), "");
}

TEST_F(PolicyOfFlags, AnArmBesidesStableIsNotRaised) {
  flag.version.clear();
  flag.percentage.reset();
  flag.ramp.reset();
  flag.arms = {
      {"blue", Share::percent(50)}, {"green", Share::percent(50)}, {"red", Share::percent(0)}};
  const auto arms = [](int blue, int green, int red) {
    return [=](FlagState& state) {
      state.arms = {{"blue", Share::percent(blue)},
                    {"green", Share::percent(green)},
                    {"red", Share::percent(red)}};
    };
  };
  EXPECT_EQ(rule(arms(40, 60, 0)), "weights");
  EXPECT_EQ(rule(arms(50, 40, 10)), "weights") << "from one to another that is not stable";
  EXPECT_EQ(rule(arms(60, 40, 0)), "");
  EXPECT_EQ(rule(arms(100, 0, 0)), "");
}

// --- places --------------------------------------------------------------------------------------

std::string place_rule_of(const std::string& url, const std::string& resolved,
                          const std::optional<std::vector<std::string>>& hosts = std::nullopt) {
  std::vector<config::Endpoint> endpoints;
  EXPECT_FALSE(config::add_endpoint(endpoints, url));
  const auto address = system_resolver()({resolved, endpoints[0].address.port});
  const OwnAddresses own{{{"127.0.0.1", 9901}, {"0.0.0.0", 8080}, {"192.0.2.7", 8443}},
                         [](const net::IpAddress& ip) { return ip.to_string() == "192.0.2.7"; }};
  const auto no = forbidden_place(endpoints[0], std::get<SocketAddress>(address), own, hosts);
  return no ? no->rule : "";
}
std::string place_rule_of(const std::string& host_and_port) {
  const std::string host = host_and_port.substr(0, host_and_port.rfind(':'));
  const bool v6 = host.front() == '[';
  return place_rule_of("http://" + host_and_port, v6 ? host.substr(1, host.size() - 2) : host);
}

TEST(PolicyOfPlaces, LinkLocalAndOurOwnAddressesAreForNobody) {
  for (const char* never :
       {"169.254.169.254:80", "169.254.0.1:8080", "[::ffff:169.254.169.254]:80",
        "[::ffff:a9fe:a9fe]:80", "[fe80::1]:80", "[febf::1]:80", "[64:ff9b::a9fe:a9fe]:80",
        "[2002:a9fe:a9fe::1]:80", "[fd00:ec2::254]:80", "168.63.129.16:80", "100.100.100.200:80",
        "[::169.254.169.254]:80"})
    EXPECT_EQ(place_rule_of(never), "link_local") << never;
  for (const char* ours : {"127.0.0.1:9901", "0.0.0.0:9901", "[::]:9901", "[::ffff:127.0.0.1]:9901",
                           "127.0.0.1:8080", "127.1.2.3:8080", "[::1]:8080", "192.0.2.7:8080",
                           "[::ffff:192.0.2.7]:8080", "192.0.2.7:8443"})
    EXPECT_EQ(place_rule_of(ours), "own_address") << ours;
  for (const char* free : {"127.0.0.2:9901", "192.0.2.7:9901", "192.0.2.8:8080", "10.0.0.7:80",
                           "127.0.0.1:9001", "[fec0::1]:80", "169.253.1.1:80"})
    EXPECT_EQ(place_rule_of(free), "") << free;
  EXPECT_EQ(place_rule_of("http://metadata.internal", "169.254.169.254"), "link_local")
      << "what counts is where a name leads";
  EXPECT_EQ(place_rule_of("http://app.internal:9901", "127.0.0.1"), "own_address");
}

TEST(PolicyOfPlaces, HostsAreAskedOfTheAddressAndOfTheName) {
  const std::vector<std::string> hosts{"10.0.0.0/8", "fd00::/8", "*.internal", "db.example"};
  EXPECT_EQ(place_rule_of("http://10.1.2.3", "10.1.2.3", hosts), "");
  EXPECT_EQ(place_rule_of("http://[::ffff:10.1.2.3]", "::ffff:10.1.2.3", hosts), "");
  EXPECT_EQ(place_rule_of("http://[fd00::7]", "fd00::7", hosts), "");
  EXPECT_EQ(place_rule_of("http://192.0.2.1", "192.0.2.1", hosts), "hosts");
  EXPECT_EQ(place_rule_of("http://name.example", "10.0.0.1", hosts), "");
  EXPECT_EQ(place_rule_of("http://name.example", "192.0.2.1", hosts), "hosts");
  EXPECT_EQ(place_rule_of("http://App.Internal", "192.0.2.1", hosts), "");
  EXPECT_EQ(place_rule_of("http://db.example", "192.0.2.1", hosts), "");
  EXPECT_EQ(place_rule_of("http://xinternal", "192.0.2.1", hosts), "hosts");
  EXPECT_EQ(place_rule_of("http://app.internal", "169.254.169.254", hosts), "link_local");
  EXPECT_EQ(place_rule_of("http://192.0.2.1", "192.0.2.1", std::vector<std::string>{"*"}), "");
  EXPECT_EQ(place_rule_of("http://10.0.0.1", "10.0.0.1", std::vector<std::string>{}), "hosts");
}

// --- through the operations ----------------------------------------------------------------------

class PolicyTest : public ControlPlaneTest {
 protected:
  static std::string rule(const Reply& reply) {
    EXPECT_EQ(reply.status, 403) << to_text(reply.body);
    if (reply.status != 403) return "";
    EXPECT_EQ(type(reply), "policy");
    return std::string(reply.body.at("rule").as_string());
  }
  Reply flag(const char* body) {
    return ask(control_->flags.put_flag("shop", "beta", json::parse(body).as_object(),
                                        {Precondition::Kind::Any, 0}, ana_));
  }
  Reply try_out(const char* body) {
    return ask(control_->rollouts.start_rollout("shop", json::parse(body).as_object(), ana_, true));
  }
  Reply put_version(const std::string& version, const std::string& url) {
    return ask(control_->versions.put_version("shop", version,
                                              {{"endpoints", json::array{json::string(url)}}},
                                              {Precondition::Kind::Any, 0}, ana_));
  }
  Reply unlock(const char* version) {
    return ask(control_->versions.act_on_version("shop", version, VersionAction::Unlock, ana_));
  }
};

TEST_F(PolicyTest, EveryDoorPastAnApprovalIsShutForADeployerAndOpenForAnApprover) {
  start(gated_config());
  EXPECT_EQ(rule(put(R"({"blue":0,"green":100})")), "weights");
  EXPECT_EQ(rule(put(R"({"blue":0,"green":100,"ttl":"1s","force":true})")), "weights");
  EXPECT_EQ(rule(ask(control_->weights.put_weights("shop", {{"green", 100}},
                                                   {Precondition::Kind::Any, 0}, ana_, true))),
            "weights")
      << "the dry run says the same";
  EXPECT_EQ(put(R"({"blue":100})").status, 200);
  const auto generation = control_->services.at("shop").state.generation;
  const char* loose = R"({"to":"green","bake":"1s","on_inconclusive":"promote",
                          "steps":[{"weight":50,"guards":{"error_rate":99}},100]})";
  EXPECT_EQ(rule(roll_out(loose)), "guards");
  EXPECT_EQ(rule(try_out(loose)), "guards");
  EXPECT_EQ(rule(try_out(R"({"to":"green","force":true})")), "force");
  EXPECT_EQ(control_->services.at("shop").state.generation, generation) << "nothing has changed";

  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  for (const auto action : {RolloutAction::Promote, RolloutAction::PromoteFull}) {
    const Reply no = act(rollout, action);
    EXPECT_EQ(no.status, 403);
    EXPECT_NE(phase(rollout), "promoting");
  }
  EXPECT_EQ(workers_.percent("green"), 5) << "nobody has skipped a step";
  fail("green", 200);
  run_until([&] { return phase(rollout) == "rolled_back"; });
  EXPECT_EQ(rule(act(rollout, RolloutAction::Retry)), "retry");
  EXPECT_EQ(rule(roll_out(R"({"to":"green","retry":true})")), "retry");
  EXPECT_EQ(rule(unlock("green")), "unlock");

  ana_.role = config::Role::Approver;
  EXPECT_EQ(unlock("green").status, 200);
  EXPECT_EQ(put(R"({"blue":50,"green":50})").status, 200);
  ana_.role = config::Role::Deployer;
  EXPECT_EQ(put(R"({"blue":60,"green":40})").status, 200) << "towards stable";
  EXPECT_EQ(rule(put(R"({"blue":50,"green":50})")), "weights") << "and not back again";
  EXPECT_EQ(ask(control_->weights.rollback("shop", {}, ana_)).status, 200);
}

TEST_F(PolicyTest, AFlagIsKilledByADeployerAndRevivedByAnApprover) {
  config::Config config = gated_config();
  config::Flag& beta = config.services[0].flags[0];
  beta.percentage = Share::percent(5);
  beta.key = config::FlagKey{config::FlagKey::Kind::Cookie, "uid"};
  start(config);
  EXPECT_EQ(rule(flag(R"({"percentage":100})")), "weights");
  EXPECT_EQ(rule(flag(R"({"allow":["me"]})")), "weights");
  EXPECT_EQ(flag(R"({"percentage":1})").status, 200);
  EXPECT_EQ(ask(control_->flags.set_flag("shop", "beta", false, ana_)).status, 200);
  EXPECT_EQ(rule(ask(control_->flags.set_flag("shop", "beta", true, ana_))), "weights");
  EXPECT_EQ(rule(flag(R"({"enabled":true})")), "weights");
  ana_.role = config::Role::Approver;
  EXPECT_EQ(ask(control_->flags.set_flag("shop", "beta", true, ana_)).status, 200);
  EXPECT_EQ(flag(R"({"percentage":100})").status, 200);
}

TEST_F(PolicyTest, WithoutGatesADeployerMayWhatTheRoleAlwaysMight) {
  start();
  EXPECT_EQ(try_out(R"({"to":"green","bake":"1s","force":true,"retry":true,
                        "on_inconclusive":"promote","steps":[100]})")
                .status,
            200);
  EXPECT_EQ(put(R"({"blue":0,"green":100})").status, 200);
}

TEST_F(PolicyTest, APromotionByHandNeedsAnApproverWhereStepsCount) {
  start(gated_config());
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  EXPECT_EQ(rule(act(rollout, RolloutAction::Promote)), "guards");
  ana_.role = config::Role::Approver;
  EXPECT_EQ(act(rollout, RolloutAction::Promote).status, 200);
  EXPECT_EQ(workers_.percent("green"), 50);
}

TEST_F(PolicyTest, NobodyPutsAVersionAtTheMetadataServiceOrOnOurselves) {
  start();
  EXPECT_EQ(rule(put_version("evil", "http://169.254.169.254")), "link_local");
  EXPECT_EQ(rule(put_version("evil", "http://[::ffff:169.254.169.254]")), "link_local");
  EXPECT_EQ(rule(put_version("evil", "http://127.0.0.1:9901")), "own_address");
  EXPECT_EQ(rule(put_version("evil", "http://0.0.0.0:9901")), "own_address");
  EXPECT_FALSE(control_->services.at("shop").state.versions.contains("evil"));
  ana_.role = config::Role::Admin;
  EXPECT_EQ(rule(put_version("evil", "http://169.254.169.254")), "link_local");
  EXPECT_EQ(put_version("good", "http://127.0.0.1:9100").status, 201);
}

TEST_F(PolicyTest, HostsBindADeployerAlsoWhereAnotherVersionAlreadyRuns) {
  config::Config config = shop_config();
  config.policy.hosts = {"127.0.0.2/32"};
  start(config);
  EXPECT_EQ(rule(put_version("v43", "http://127.0.0.3:9100")), "hosts");
  EXPECT_EQ(put_version("v43", "http://127.0.0.2:9100").status, 201);
  EXPECT_EQ(rule(put_version("v44", "http://127.0.0.1:9001")), "hosts")
      << "blue of the file runs there, and its address is known";
  ana_.role = config::Role::Approver;
  EXPECT_EQ(put_version("v44", "http://127.0.0.1:9001").status, 201);
  // A restart asks again, of what the deployer has put only.
  config.policy.hosts = {"10.0.0.0/8"};
  const Restored restored = start(config);
  EXPECT_TRUE(restored.problems.empty());
  const ServiceState& state = control_->services.at("shop").state;
  EXPECT_TRUE(state.versions.at("v43").by_deployer);
  EXPECT_FALSE(state.versions.at("v44").by_deployer);
  const auto state_of = [&state](const std::string&) { return &state; };
  const Resolution resolution =
      resolve_endpoints(control_->services.config(), "f", system_resolver(), {},
                        place_rule(control_->services.config(), state_of, {}));
  ASSERT_EQ(resolution.problems.size(), 1u);
  EXPECT_EQ(resolution.problems[0].message,
            "services.shop.versions.v43: `http://127.0.0.2:9100` is at 127.0.0.2, and a deployer "
            "may put versions here only: 10.0.0.0/8");
}

}  // namespace
}  // namespace cutwater::control
