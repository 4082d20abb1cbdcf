// Tests, on the real binary, that a stolen token of the role deployer gets no version past the
// gates of a service: each way that was measured before there was a policy.
#include <gtest/gtest.h>

#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

class StolenToken : public testing::Test {
 protected:
  StolenToken() : file_(blue_, green_) {
    file_.admin =
        "\n  listen: \"127.0.0.1:0\"\n  tokens:\n"
        "    - {name: bot, role: deployer, secret: \"${env:BOT}\"}\n"
        "    - {name: eve, role: approver, secret: \"${env:EVE}\"}";
    file_.service =
        "    rollout: {steps: [5%, 50%, 100%], bake: 1m, approval: [50%]}\n"
        "    flags:\n"
        "      - {name: beta, percentage: 5%, key: \"cookie:uid\", version: green}\n";
    options_.environment = {{"BOT", kBot}, {"EVE", kEve}};
    options_.token = kBot;
  }
  static void expect_refused(const AdminAnswer& answer, const std::string& rule) {
    ASSERT_EQ(answer.status, 403) << answer.text;
    EXPECT_EQ(answer.string("/type"), "about:blank#policy");
    EXPECT_EQ(answer.string("/rule"), rule) << answer.text;
  }

  static constexpr const char* kBot = "deployer-secret-0123456789";
  static constexpr const char* kEve = "approver-secret-0123456789";
  FakeUpstream blue_, green_;
  ShopFile file_;
  CutwaterProcess::Options options_;
};

TEST_F(StolenToken, GetsNoVersionPastTheGates) {
  CutwaterProcess cutwater(file_, options_);
  const Admin bot = cutwater.admin(), eve(cutwater.admin_port(), kEve);
  const std::string shop = "/v1/services/shop";
  expect_refused(bot.set_weights(0, 100), "weights");
  expect_refused(bot.put(shop + "/weights?dry_run=true", R"({"green":100})"), "weights");
  expect_refused(bot.put(shop + "/flags/beta", R"({"percentage":100})"), "weights");
  expect_refused(bot.put(shop + "/flags/beta", R"({"allow":["me"]})"), "weights");
  const std::string loose = R"({"to":"green","bake":"1s","on_inconclusive":"promote",)"
                            R"("steps":[{"weight":50,"guards":{"error_rate":99}},100]})";
  expect_refused(bot.post(shop + "/rollouts", loose), "guards");
  expect_refused(bot.post(shop + "/rollouts?dry_run=true", loose), "guards");
  expect_refused(bot.post(shop + "/rollouts", R"({"to":"green","on_inconclusive":"promote"})"),
                 "guards");
  expect_refused(bot.post(shop + "/rollouts", R"({"to":"green","force":true})"), "force");
  expect_refused(bot.post(shop + "/rollouts", R"({"to":"green","retry":true})"), "retry");
  expect_refused(bot.post(shop + "/versions/green:unlock"), "unlock");
  expect_refused(bot.post(shop + "/versions/green:undrain"), "unlock");
  EXPECT_EQ(bot.weight("green"), 0);

  const AdminAnswer rollout = bot.post(shop + "/rollouts", R"({"to":"green"})");
  ASSERT_EQ(rollout.status, 201) << "what the file says is allowed: " << rollout.text;
  const std::string id = "/v1/rollouts/" + rollout.string("/id");
  expect_refused(bot.post(id + ":promote"), "guards");
  EXPECT_EQ(bot.post(id + ":promote-full").status, 403);
  EXPECT_EQ(bot.weight("green"), 5);
  EXPECT_EQ(bot.post(shop + ":rollback").status, 200);
  expect_refused(bot.post(id + ":retry"), "retry");
  EXPECT_EQ(eve.post(id + ":retry").status, 201);
  EXPECT_EQ(bot.post(shop + "/flags/beta:kill").status, 200);
  expect_refused(bot.post(shop + "/flags/beta:revive"), "weights");
  EXPECT_EQ(eve.post(shop + "/flags/beta:revive").status, 200);
}

TEST_F(StolenToken, SendsNoUserToOurAdminAddressOrTheMetadataService) {
  file_.top = "policy: {deployer: {hosts: [127.0.0.0/8]}}\n";
  CutwaterProcess cutwater(file_, options_);
  const std::string evil = "/v1/services/shop/versions/evil";
  const auto put = [&](const std::string& url) {
    return cutwater.admin().put(evil, R"({"endpoints":[")" + url + R"("]})");
  };
  const std::string admin = std::to_string(cutwater.admin_port());
  const std::string listener = std::to_string(cutwater.port());
  expect_refused(put("http://169.254.169.254"), "link_local");
  expect_refused(put("http://[::ffff:169.254.169.254]:80"), "link_local");
  expect_refused(put("http://[fe80::1]:80"), "link_local");
  expect_refused(put("http://127.0.0.1:" + admin), "own_address");
  expect_refused(put("http://0.0.0.0:" + admin), "own_address");
  expect_refused(put("http://[::ffff:127.0.0.1]:" + admin), "own_address");
  expect_refused(put("http://127.0.0.1:" + listener), "own_address");
  expect_refused(put("http://192.0.2.1:80"), "hosts");
  EXPECT_EQ(put("http://2130706433:" + admin).status, 422) << "no resolver is asked what this is";
  EXPECT_EQ(put("http://0177.0.0.1:" + admin).status, 422);
  EXPECT_EQ(cutwater.admin().get(evil).status, 404);
  EXPECT_EQ(put("http://127.0.0.1:" + std::to_string(green_.port())).status, 201);
}

TEST_F(StolenToken, IsToldByTheCommandLineWithExitCode9AndTheKeyOfTheOldWay) {
  CutwaterProcess cutwater(file_, options_);
  const Finished refused = cutwater.run({"weights", "shop", "green=100", "blue=0"});
  EXPECT_EQ(refused.exit_code, 9) << refused.err;
  EXPECT_NE(refused.err.find("policy: {deployer: {weights: any}}"), refused.err.npos)
      << refused.err;
  EXPECT_EQ(cutwater.run({"rollout", "start", "shop", "--to", "green", "--bake", "1s"}).exit_code,
            9);

  file_.top = "policy: {deployer: {weights: any}}\n";
  cutwater.rewrite_config(file_);
  cutwater.kill_hard();
  cutwater.start_again();
  EXPECT_EQ(cutwater.run({"weights", "shop", "green=100", "blue=0"}).exit_code, 0);
}

}  // namespace
}  // namespace cutwater::test
