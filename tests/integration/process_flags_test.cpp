// Tests flags and the mirror through the real binary: command line, API, OFREP over HTTP, a kill
// under load, and what survives a crash.
#include <gtest/gtest.h>

#include <regex>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_client.hpp"

namespace cutwater::test {
namespace {

class FlagProcess : public testing::Test {
 protected:
  FlagProcess() : file(blue, green) {
    file.service =
        "    flags:\n"
        "      - {name: new-ui, percentage: 50%, key: \"cookie:uid\", allow: [u17], version: "
        "green}\n"
        "    mirror: {version: green, share: 0%}\n";
  }
  std::string version_for(const CutwaterProcess& cutwater, const std::string& uid) {
    return get(cutwater.port(), "/", "Cookie: uid=" + uid + "\r\n").field("Cutwater-Version");
  }

  FakeUpstream blue, green;
  ShopFile file;
};

TEST_F(FlagProcess, AKilledFlagGetsNoNewRequestUnderLoad) {
  CutwaterProcess cutwater(file);
  const Admin admin = cutwater.admin();
  std::atomic<bool> killed{false};
  Load::Options options;
  options.fields = [&] {
    return std::string("Cookie: uid=u17\r\nX-After: ") + (killed ? "yes" : "no") + "\r\n";
  };
  std::uint64_t flagged = 0;
  for (int round = 0; round < 10; ++round) {
    Load load(cutwater.port(), options);
    ASSERT_TRUE(load.wait_for_more(20));
    ASSERT_EQ(admin.post("/v1/services/shop/flags/new-ui:kill").status, 200);
    killed = true;  // requests that are sent from now on say so
    ASSERT_TRUE(load.wait_for_more(40));
    load.stop();
    EXPECT_EQ(load.failed(), 0u) << load.first_failure();
    flagged += load.answered_by("green");
    killed = false;
    ASSERT_EQ(admin.post("/v1/services/shop/flags/new-ui:revive").status, 200);
  }
  EXPECT_GT(flagged, 0u);
  for (const Received& request : green.received()) EXPECT_EQ(request.field("X-After"), "no");
}

TEST_F(FlagProcess, TheCommandLineSetsItAndACrashKeepsIt) {
  CutwaterProcess cutwater(file);
  EXPECT_EQ(version_for(cutwater, "u17"), "green");
  const Finished set =
      cutwater.run({"flag", "set", "shop", "new-ui", "--percentage", "0%", "--allow", "u18,u19"});
  EXPECT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(version_for(cutwater, "u17"), "blue");
  EXPECT_EQ(version_for(cutwater, "u19"), "green");
  cutwater.kill_hard();
  cutwater.start_again();
  EXPECT_EQ(version_for(cutwater, "u17"), "blue");
  EXPECT_EQ(version_for(cutwater, "u19"), "green");
  const Finished list = cutwater.run({"flag", "list", "shop"});
  EXPECT_NE(list.out.find("0 % by cookie:uid, allow 2"), std::string::npos) << list.out;
  EXPECT_EQ(cutwater.run({"flag", "set", "shop", "new-ui"}).exit_code, 2);
  EXPECT_EQ(cutwater.run({"flag", "set", "shop", "new-ui", "--percentage", "5%", "--if-match", "1"})
                .exit_code,
            8);
}

TEST_F(FlagProcess, AnApplicationSeesTheDecisionOfTheEdge) {
  CutwaterProcess cutwater(file);
  const Admin admin = cutwater.admin();
  for (int i = 0; i < 40; ++i) {
    const std::string uid = "u" + std::to_string(i);
    const AdminAnswer answer = admin.post("/ofrep/v1/evaluate/flags/new-ui",
                                          R"({"context":{"targetingKey":")" + uid + R"("}})");
    ASSERT_EQ(answer.status, 200) << answer.text;
    EXPECT_EQ(answer.at("/value").as_bool(), version_for(cutwater, uid) == "green") << uid;
  }
  const AdminAnswer unknown = admin.post("/ofrep/v1/evaluate/flags/nope", "{}");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.string("/errorCode"), "FLAG_NOT_FOUND");
  EXPECT_EQ(unknown.field("Content-Type"), "application/json");
  const AdminAnswer broken = admin.post("/ofrep/v1/evaluate/flags/new-ui", "{");
  EXPECT_EQ(broken.status, 400);
  EXPECT_EQ(broken.string("/errorCode"), "PARSE_ERROR");

  const std::string body = R"({"context":{"targetingKey":"u17"}})";
  const AdminAnswer all = admin.post("/ofrep/v1/evaluate/flags", body);
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.at("/flags/0/value").as_bool(), true);
  const std::string unchanged = "If-None-Match: " + all.field("ETag") + "\r\n";
  const AdminAnswer again = admin.post("/ofrep/v1/evaluate/flags", body, unchanged);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.text, "");
  EXPECT_EQ(again.field("ETag"), all.field("ETag"));
  admin.post("/v1/services/shop/flags/new-ui:kill");
  EXPECT_EQ(admin.post("/ofrep/v1/evaluate/flags", body, unchanged).status, 200);
}

TEST_F(FlagProcess, ARampIsKilledForWhatItsControlGroupDoesNotSuffer) {
  green.answer(500, "no");
  file.service =
      "    guards: {error_rate: 90%}\n"
      "    flags:\n"
      "      - {name: new-ui, percentage: 50%, key: \"cookie:uid\", version: green,\n"
      "         ramp: {steps: [50%, 100%]}}\n";
  CutwaterProcess cutwater(file);
  for (int i = 0; i < 60; ++i) version_for(cutwater, "u" + std::to_string(i));
  const auto killed = [&] {
    return cutwater.run({"flag", "list", "shop"}).out.find("killed") != std::string::npos;
  };
  EXPECT_TRUE(eventually(killed, kProcessPatience));
  // Tables wrap; the words stay in their order.
  const auto said = [&](const std::vector<std::string>& command) {
    return std::regex_replace(cutwater.run(command).out, std::regex("\\s+"), " ");
  };
  const std::string list = said({"flag", "list", "shop"});
  EXPECT_NE(list.find("ramp off (fail; errors 100 %, control group 0 %)"), std::string::npos)
      << list;
  const std::string history = said({"history", "shop"});
  EXPECT_NE(history.find("error rate of flag new-ui is above that of the control group: "),
            std::string::npos)
      << history;
  EXPECT_NE(cutwater.admin()
                .get("/metrics")
                .text.find("cutwater_flag_guard_evidence{service=\"shop\",flag=\"new-ui\","
                           "guard=\"relative_error_rate\"}"),
            std::string::npos);
}

TEST_F(FlagProcess, TheMirrorIsStartedSeenAndStoppedWhileRunning) {
  CutwaterProcess cutwater(file);
  const Admin admin = cutwater.admin();
  EXPECT_EQ(get(cutwater.port()).status, 200);
  EXPECT_EQ(green.requests(), 0u);
  EXPECT_EQ(admin.put("/v1/services/shop/mirror", R"({"share": 100})").status, 200);
  EXPECT_EQ(get(cutwater.port(), "/copied").status, 200);
  EXPECT_EQ(green.wait_for_request().field("X-Shadow"), "1");
  EXPECT_TRUE(eventually(
      [&] { return admin.get("/v1/services/shop/mirror").number("/results/success") == 1; }));
  const std::string metrics = admin.get("/metrics").text;
  EXPECT_NE(metrics.find("cutwater_mirror_total{service=\"shop\",version=\"green\","
                         "result=\"success\"} 1"),
            std::string::npos);
  EXPECT_EQ(admin.put("/v1/services/shop/mirror", R"({"share": 0})", "").status, 428);
  EXPECT_EQ(admin.put("/v1/services/shop/mirror", R"({"share": 0})").status, 200);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get(cutwater.port()).status, 200);
  EXPECT_EQ(green.requests(), 1u);
}

}  // namespace
}  // namespace cutwater::test
