// Tests a full disk under the state directory: nothing that was promised is lost, nothing is
// promised that cannot be kept, and requests are proxied all the while.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

// Provides a file system of 512 KiB. Where this process may not mount, a limit on the size of the
// proxy's files serves instead: then SQLite sees EFBIG, and the answer is 503 instead of 507.
class SmallDisk {
 public:
  SmallDisk() { mounted_ = ::mount("tmpfs", place_.path().c_str(), "tmpfs", 0, "size=512k") == 0; }
  ~SmallDisk() {
    if (mounted_) ::umount2(place_.path().c_str(), MNT_DETACH);
  }
  std::string state_dir() const { return place_.file("state"); }

  void fill(CutwaterProcess& cutwater) {
    if (!mounted_) return limit(cutwater, 16 * 1024);
    std::ofstream filler(place_.file("filler"), std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), 4096).flush()) continue;
  }
  void free(CutwaterProcess& cutwater) {
    if (!mounted_) return limit(cutwater, RLIM_INFINITY);
    std::remove(place_.file("filler").c_str());
  }
  int status_when_full() const { return mounted_ ? 507 : 503; }

 private:
  static void limit(CutwaterProcess& cutwater, rlim_t bytes) {
    const rlimit wanted{bytes, RLIM_INFINITY};
    if (::prlimit(cutwater.process().pid(), RLIMIT_FSIZE, &wanted, nullptr) != 0)
      throw TestFailure("neither mount nor prlimit works here");
  }
  TempDir place_;
  bool mounted_ = false;
};

// A few pages decide whether weights can be set; SQLite's log may have some left.
AdminAnswer set_weights_until_refused(const Admin& admin) {
  AdminAnswer answer;
  for (int green = 0; green < 500; ++green) {
    answer = admin.set_weights(100 - green % 50, green % 50);
    if (answer.status != 200) break;
  }
  return answer;
}

TEST(FullDisk, RefusesWritesAndGoesOnProxying) {
  FakeUpstream blue, green;
  SmallDisk disk;
  CutwaterProcess::Options options;
  options.state_dir = disk.state_dir();
  CutwaterProcess cutwater(ShopFile(blue, green), options);
  const Admin admin = cutwater.admin();
  ASSERT_EQ(admin.set_weights(90, 10).status, 200);
  Load load(cutwater.port());

  disk.fill(cutwater);
  const AdminAnswer refused = set_weights_until_refused(admin);
  EXPECT_EQ(refused.status, disk.status_when_full()) << refused.text;
  EXPECT_EQ(refused.field("Content-Type"), "application/problem+json");
  EXPECT_NE(refused.string("/detail").find("nothing was changed"), std::string::npos);
  const AdminAnswer kept = admin.get("/v1/services/shop/weights");
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(admin.post("/v1/services/shop/rollouts", R"({"to":"green"})").status, refused.status);
  EXPECT_TRUE(load.wait_for_more(200)) << "requests are proxied";
  EXPECT_EQ(admin.get("/readyz").status, 200);
  EXPECT_EQ(cutwater.run({"weights", "shop", "blue=80", "green=20"}).exit_code, 1);

  disk.free(cutwater);
  const AdminAnswer again = admin.set_weights(60, 40);
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(admin.weight("green"), 40);
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();

  cutwater.kill_hard();
  cutwater.start_again();
  EXPECT_EQ(cutwater.admin().weight("green"), 40);
}

TEST(FullDisk, DoesNotKeepABadVersionAlive) {
  FakeUpstream blue, green;
  SmallDisk disk;
  ShopFile file(blue, green);
  file.service = "    fallback: stable\n";
  CutwaterProcess::Options options;
  options.state_dir = disk.state_dir();
  CutwaterProcess cutwater(file, options);
  const Admin admin = cutwater.admin();
  const AdminAnswer started =
      admin.post("/v1/services/shop/rollouts", R"({"to":"green","steps":["50%"],"bake":"1h"})");
  ASSERT_EQ(started.status, 201) << started.text;

  disk.fill(cutwater);
  green.answer(500, "broken");
  Load load(cutwater.port());
  EXPECT_TRUE(eventually([&] { return admin.weight("green") == 0; }, 2 * kPatience))
      << "the revert does not wait for the disk";
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();

  disk.free(cutwater);
  EXPECT_TRUE(eventually(
      [&] {
        const auto all = admin.decisions();
        return std::any_of(all.begin(), all.end(), [](const boost::json::value& decision) {
          return decision.at("action").as_string() == "rolled_back";
        });
      },
      2 * kPatience))
      << "and is written down when there is room again";
  cutwater.kill_hard();
  cutwater.start_again();
  EXPECT_EQ(cutwater.admin().weight("green"), 0);
  EXPECT_EQ(cutwater.admin().get("/v1/services/shop").string("/locked_out/0"), "green");
}

TEST(FullDisk, StillStartsOnWhatIsStored) {
  FakeUpstream blue, green;
  SmallDisk disk;
  CutwaterProcess::Options options;
  options.state_dir = disk.state_dir();
  CutwaterProcess cutwater(ShopFile(blue, green), options);
  ASSERT_EQ(cutwater.admin().set_weights(30, 70).status, 200);
  disk.fill(cutwater);
  cutwater.kill_hard();
  cutwater.start_again();
  EXPECT_EQ(cutwater.admin().weight("green"), 70);
  EXPECT_EQ(get(cutwater.port()).status, 200);
}

}  // namespace
}  // namespace cutwater::test
