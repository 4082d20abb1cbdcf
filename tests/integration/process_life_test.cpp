// Tests a running proxy's life: a new configuration without a lost request, a bad one refused,
// readiness before the drain, and an end that waits for the users.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

class Life : public testing::Test {
 protected:
  Life() : file(blue, green) {
    blue.answer(200, "blue");
    green.answer(200, "green");
  }
  double metric(const Admin& admin, const std::string& name) {
    const std::string text = admin.get("/metrics").text;
    const std::size_t line = text.find("\n" + name + " ");
    if (line == text.npos) throw TestFailure("no metric " + name);
    return std::stod(text.substr(line + name.size() + 2));
  }
  bool said(CutwaterProcess& cutwater, const std::string& words) {
    return eventually([&] { return cutwater.process().err().find(words) != std::string::npos; });
  }
  FakeUpstream blue, green;
  ShopFile file;
};

TEST_F(Life, AGoodReloadDropsNoRequest) {
  FakeUpstream other_blue;
  other_blue.answer(200, "blue");
  CutwaterProcess cutwater(file);
  Load load(cutwater.port(), {.users = 8, .pause = 200us, .fields = {}});
  std::uint16_t at = other_blue.port(), next = blue.port();
  for (int reload = 0; reload < 20; ++reload) {
    FakeUpstream& arriving = at == other_blue.port() ? other_blue : blue;
    const std::size_t before = arriving.requests();
    file.blue = at;
    cutwater.rewrite_config(file);
    cutwater.process().signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return arriving.requests() > before; }))
        << "reload " << reload << ": " << cutwater.process().err();
    std::swap(at, next);
  }
  ASSERT_TRUE(load.wait_for_more(200));
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  EXPECT_EQ(metric(cutwater.admin(), "cutwater_config_last_reload_success"), 1);
  std::printf("[ measured ] 20 reloads under %llu requests, %llu failed\n",
              static_cast<unsigned long long>(load.answers()),
              static_cast<unsigned long long>(load.failed()));
}

TEST_F(Life, ARequestUnderWayOutlivesEveryChange) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    if (request.target() == "/slow") connection.wait_for_release();
    connection.answer(200, "blue");
  });
  CutwaterProcess cutwater(file);
  RawClient slow(cutwater.port());
  slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  blue.wait_for_request();
  EXPECT_EQ(cutwater.admin().set_weights(0, 100).status, 200);
  FakeUpstream other_blue;
  file.blue = other_blue.port();
  cutwater.rewrite_config(file);
  EXPECT_EQ(cutwater.run({"reload"}).exit_code, 0);
  EXPECT_EQ(get(cutwater.port()).body, "green");
  blue.release();
  EXPECT_EQ(slow.read_response().body, "blue");
}

TEST_F(Life, ABadReloadChangesNothing) {
  CutwaterProcess cutwater(file);
  const Admin admin = cutwater.admin();
  EXPECT_EQ(metric(admin, "cutwater_config_last_reload_success"), 1);
  Load load(cutwater.port());
  ShopFile bad = file;
  bad.service = "    wieghts: {}\n";
  cutwater.rewrite_config(bad);
  cutwater.process().signal(SIGHUP);
  EXPECT_TRUE(said(cutwater, "cutwater.yaml:12:5: ")) << cutwater.process().err();
  EXPECT_EQ(metric(admin, "cutwater_config_last_reload_success"), 0);
  const Finished by_command = cutwater.run({"reload"});
  EXPECT_EQ(by_command.exit_code, 2) << by_command.err;
  ASSERT_TRUE(load.wait_for_more(100));
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();

  cutwater.rewrite_config(file);
  EXPECT_EQ(cutwater.run({"reload"}).exit_code, 0);
  EXPECT_EQ(metric(admin, "cutwater_config_last_reload_success"), 1);
}

TEST_F(Life, SigtermFailsReadinessFirstAndLetsRequestsFinish) {
  file.top = "drain_notice: 2s\ndrain_timeout: 30s\n";
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    if (request.target() == "/slow") connection.wait_for_release();
    connection.answer(200, "blue");
  });
  CutwaterProcess cutwater(file);
  const Admin admin = cutwater.admin();
  EXPECT_EQ(admin.get("/readyz").status, 200);
  RawClient slow(cutwater.port());
  slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  blue.wait_for_request();

  cutwater.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return admin.get("/readyz").status == 503; }));
  EXPECT_EQ(admin.get("/livez").status, 200);
  EXPECT_EQ(get(cutwater.port()).status, 200) << "within the notice new requests still work";

  const auto refuses = [&] {
    try {
      RawClient late(cutwater.port());
      return false;
    } catch (const TestFailure&) {
      return true;
    }
  };
  EXPECT_TRUE(eventually(refuses, 3 * kPatience)) << "then the listener closes";
  EXPECT_TRUE(cutwater.process().running()) << "but the slow request is waited for";
  blue.release();
  const Response answer = slow.read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "blue");
  EXPECT_EQ(slow.read_until_close(), "") << "its connection is told to leave, in its turn";
  EXPECT_EQ(cutwater.process().wait(), 0) << cutwater.process().err();
}

TEST_F(Life, ASecondSigtermEndsItAtOnce) {
  file.top = "drain_notice: 60s\ndrain_timeout: 60s\n";
  blue.never_answer();
  CutwaterProcess cutwater(file);
  RawClient slow(cutwater.port());
  slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  blue.wait_for_request();
  cutwater.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return cutwater.admin().get("/readyz").status == 503; }));
  cutwater.process().signal(SIGTERM);
  EXPECT_EQ(cutwater.process().wait(), 0) << cutwater.process().err();
}

TEST_F(Life, ARequestThatNeverEndsDoesNotOutliveTheDrainTimeout) {
  file.top = "drain_notice: 0s\ndrain_timeout: 1s\n";
  blue.never_answer();
  CutwaterProcess cutwater(file);
  RawClient slow(cutwater.port());
  slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  blue.wait_for_request();
  EXPECT_EQ(cutwater.terminate(), 0) << cutwater.process().err();
}

TEST_F(Life, TheAdminApiMayLiveOnAUnixSocket) {
  TempDir place;
  file.admin = "{listen: \"unix:" + place.file("admin.sock") + "\"}";
  file.top = "drain_notice: 0s\n";
  const std::string config = place.file("cutwater.yaml");
  write_file(config, file.text(place.file("state")));
  for (int life = 0; life < 2; ++life) {  // the second finds the socket of the first
    ChildProcess proxy({cutwater_binary(), "run", "-c", config});
    const auto status = [&] {
      return run_cutwater({"status", "shop", "--admin", "unix:" + place.file("admin.sock")});
    };
    EXPECT_TRUE(eventually([&] { return status().exit_code == 0; })) << proxy.err();
    proxy.signal(life == 0 ? SIGKILL : SIGTERM);
    EXPECT_EQ(proxy.wait(), life == 0 ? 128 + SIGKILL : 0) << proxy.err();
  }
}

TEST_F(Life, TheCommandLineDrainsLikeSigterm) {
  file.top = "drain_notice: 0s\n";
  CutwaterProcess cutwater(file);
  EXPECT_EQ(cutwater.run({"drain", "--proxy"}).exit_code, 0);
  EXPECT_EQ(cutwater.process().wait(), 0);
}

TEST_F(Life, TheAccessLogIsReopenedAfterItWasMoved) {
  TempDir logs;
  file.top = "access_log: {file: " + logs.file("access.log") + "}\n";
  CutwaterProcess cutwater(file);
  get(cutwater.port(), "/first");
  const auto has = [&](const std::string& name, const std::string& words) {
    return eventually([&] { return read_file(logs.file(name)).find(words) != std::string::npos; });
  };
  EXPECT_TRUE(has("access.log", "/first"));
  std::filesystem::rename(logs.file("access.log"), logs.file("access.log.1"));
  cutwater.process().signal(SIGUSR1);
  EXPECT_TRUE(said(cutwater, "access log reopened"));
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(logs.file("access.log")); }));
  get(cutwater.port(), "/second");
  EXPECT_TRUE(has("access.log", "/second"));
  EXPECT_EQ(read_file(logs.file("access.log.1")).find("/second"), std::string::npos);
}

}  // namespace
}  // namespace cutwater::test
