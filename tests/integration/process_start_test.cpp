// Tests what `cutwater run` says and ends with when it cannot run: one exit code per cause, and a
// message that names it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

class Start : public testing::Test {
 protected:
  std::string write(const ShopFile& file, const std::string& state_dir) {
    const std::string path = scratch.file("cutwater.yaml");
    write_file(path, file.text(state_dir));
    return path;
  }
  FakeUpstream blue, green;
  TempDir scratch;
};

TEST_F(Start, SaysEveryMistakeWithLineAndColumnAndEndsWith2) {
  const std::string path = scratch.file("cutwater.yaml");
  write_file(path,
             "listeners: [{listen: \"127.0.0.1:0\"}]\n"
             "services:\n"
             "  shop:\n"
             "    versions: {blue: \"http://127.0.0.1:1\", green: \"http://127.0.0.1:2\"}\n"
             "    wieghts: {blue: 100%}\n"
             "    stable: purple\n");
  for (const char* command : {"run", "check"}) {
    const Finished refused = run_cutwater({command, "-c", path});
    EXPECT_EQ(refused.exit_code, 2);
    const std::string said = refused.out + refused.err;
    EXPECT_NE(said.find(path + ":5:5: "), said.npos) << command << ": " << said;
    EXPECT_NE(said.find("weights"), said.npos) << command << ": " << said;
    EXPECT_NE(said.find(path + ":6:13: "), said.npos) << command << ": " << said;
  }
}

TEST_F(Start, WithoutItsFileEndsWith2) {
  const Finished refused = run_refused(scratch.file("nowhere.yaml"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("nowhere.yaml"), refused.err.npos) << refused.err;
}

// The soft limit is raised to the hard one; what does not fit even then is refused.
TEST_F(Start, WithMoreConnectionsThanDescriptorsEndsWith2) {
  const auto start = [&](const std::string& connections, const std::string& state) {
    ShopFile file(blue, green);
    file.top = "limits: {connections: " + connections + "}\n";
    const std::string path = write(file, scratch.file(state));
    return std::vector<std::string>{"/bin/sh",
                                    "-c",
                                    "ulimit -Sn 100; ulimit -Hn 200; exec \"$@\"",
                                    "sh",
                                    cutwater_binary(),
                                    "run",
                                    "-c",
                                    path};
  };
  ChildProcess refused(start("69", "first"));
  EXPECT_EQ(refused.wait(), 2) << refused.err();
  EXPECT_NE(refused.err().find("`limits.connections` is 69"), std::string::npos) << refused.err();
  EXPECT_NE(refused.err().find("may have 200"), std::string::npos) << refused.err();
  ChildProcess fits(start("68", "second"));
  EXPECT_TRUE(eventually([&] {
    return fits.err().find("ready ") != std::string::npos ||
           fits.out().find("ready ") != std::string::npos;
  })) << fits.err();
}

TEST_F(Start, OnAPortInUseEndsWith11) {
  ShopFile file(blue, green);
  FakeUpstream other;
  file.listen = "127.0.0.1:" + std::to_string(other.port());
  const Finished refused = run_refused(write(file, scratch.file("state")));
  EXPECT_EQ(refused.exit_code, 11) << refused.err;
  EXPECT_NE(refused.err.find(std::to_string(other.port())), refused.err.npos) << refused.err;
}

TEST_F(Start, OnAnAdminPortInUseEndsWith11) {
  ShopFile file(blue, green);
  file.admin = "{listen: \"127.0.0.1:" + std::to_string(green.port()) + "\"}";
  const Finished refused = run_refused(write(file, scratch.file("state")));
  EXPECT_EQ(refused.exit_code, 11) << refused.err;
}

TEST_F(Start, WithoutAUsableStateDirectoryEndsWith12) {
  write_file(scratch.file("a-file"), "not a directory");
  const Finished refused = run_refused(write(ShopFile(blue, green), scratch.file("a-file/state")));
  EXPECT_EQ(refused.exit_code, 12) << refused.err;
  EXPECT_NE(refused.err.find("a-file/state"), refused.err.npos) << refused.err;
}

TEST_F(Start, BesideAnotherOnTheSameStateEndsWith13) {
  CutwaterProcess first(ShopFile(blue, green));
  const Finished second = run_refused(first.config_path());
  EXPECT_EQ(second.exit_code, 13) << second.err;
  EXPECT_NE(second.err.find(std::to_string(first.process().pid())), second.err.npos) << second.err;
  EXPECT_EQ(get(first.port()).status, 200) << "the first one is not disturbed";
}

TEST_F(Start, OnADamagedDatabaseEndsWith14AndLeavesItAlone) {
  ShopFile file(blue, green);
  file.top = "drain_notice: 0s\n";
  CutwaterProcess cutwater(file);
  ASSERT_EQ(cutwater.admin().set_weights(60, 40).status, 200);
  ASSERT_EQ(cutwater.terminate(), 0);
  const std::string database = cutwater.state_dir() + "/state.db";
  std::string bytes = read_file(database);
  ASSERT_GT(bytes.size(), 4096U);
  std::fill(bytes.begin() + 100, bytes.begin() + 2000, '\x5a');
  write_file(database, bytes);

  const Finished refused = run_refused(cutwater.config_path());
  EXPECT_EQ(refused.exit_code, 14) << refused.err;
  EXPECT_EQ(read_file(database), bytes);
}

TEST_F(Start, WithAnOpenAdminApiAndNoTokensEndsWith2) {
  ShopFile file(blue, green);
  file.admin = "{listen: \"0.0.0.0:0\"}";
  const Finished refused = run_refused(write(file, scratch.file("state")));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_NE(refused.err.find("token"), refused.err.npos) << refused.err;
}

TEST_F(Start, WithASecretThatIsNotThereEndsWith2AndNamesIt) {
  ShopFile file(blue, green);
  file.admin =
      "{listen: \"127.0.0.1:0\", tokens: [{name: bot, role: admin, secret: \"${env:NO_SUCH}\"}]}";
  const Finished refused = run_refused(write(file, scratch.file("state")));
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_NE(refused.err.find("NO_SUCH"), refused.err.npos) << refused.err;
}

TEST_F(Start, OnAnEmptyDatabaseEndsWith14) {
  std::filesystem::create_directory(scratch.file("state"));
  write_file(scratch.file("state/state.db"), "");
  const Finished refused = run_refused(write(ShopFile(blue, green), scratch.file("state")));
  EXPECT_EQ(refused.exit_code, 14) << refused.err;
}

TEST_F(Start, AskedForNothingSensibleEndsWith2) {
  EXPECT_EQ(run_cutwater({}).exit_code, 2);
  EXPECT_EQ(run_cutwater({"fly"}).exit_code, 2);
  EXPECT_EQ(run_cutwater({"run"}).exit_code, 2);
  EXPECT_EQ(run_cutwater({"--help"}).exit_code, 0);
  EXPECT_EQ(run_cutwater({"version"}).exit_code, 0);
}

}  // namespace
}  // namespace cutwater::test
