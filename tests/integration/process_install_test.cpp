// What `cmake --install` puts in place.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

namespace fs = std::filesystem;

class Install : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch = new TempDir;
    const std::string build = fs::path(cutwater_binary()).parent_path();
    ChildProcess install({"/usr/bin/env", "cmake", "--install", build, "--prefix", prefix()});
    ASSERT_EQ(install.wait(120s), 0) << install.out() << install.err();
  }
  static void TearDownTestSuite() {
    delete scratch;
    scratch = nullptr;
  }
  static std::string prefix() { return scratch->file("usr"); }
  static fs::path in(const std::string& path) { return fs::path(prefix()) / path; }
  static inline TempDir* scratch = nullptr;
};

TEST_F(Install, TheProgramIsStrippedAndItsDebugFileStandsBesideIt) {
  const fs::path program = in("bin/cutwater");
  const fs::path debug = in("lib/debug" + prefix() + "/bin/cutwater.debug");
  ASSERT_TRUE(fs::exists(program));
  ASSERT_TRUE(fs::exists(debug));
  EXPECT_LT(fs::file_size(program), fs::file_size(cutwater_binary()) / 2);
  EXPECT_GT(fs::file_size(debug), fs::file_size(program) / 2);
  EXPECT_NE(read_file(program).find("cutwater.debug"), std::string::npos) << "gdb finds it";
  ChildProcess version({program, "version"});
  EXPECT_EQ(version.wait(), 0) << version.err();
}

TEST_F(Install, TheUnitNamesTheInstalledProgram) {
  const std::string unit = read_file(in("lib/systemd/system/cutwater.service"));
  EXPECT_NE(unit.find("ExecStart=" + prefix() + "/bin/cutwater run"), std::string::npos) << unit;
  EXPECT_EQ(unit.find("=/usr/local/bin"), std::string::npos) << unit;
}

TEST_F(Install, CompletionsSchemaAndExamplesAreThere) {
  for (const char* file :
       {"share/bash-completion/completions/cutwater", "share/zsh/site-functions/_cutwater",
        "share/fish/vendor_completions.d/cutwater.fish"})
    EXPECT_NE(read_file(in(file)).find("rollout"), std::string::npos) << file;
  EXPECT_GT(fs::file_size(in("share/cutwater/schema.json")), 1000U);
  ChildProcess check(
      {in("bin/cutwater"), "check", "-c", in("share/doc/cutwater/examples/minimal.yaml")});
  EXPECT_EQ(check.wait(), 0) << check.out() << check.err();
}

TEST_F(Install, TheManPageKnowsEveryCommand) {
  const std::string page = read_file(in("share/man/man1/cutwater.1"));
  const std::string help = run_cutwater({"--help"}).out;
  const std::size_t begin = help.find("Subcommands:\n");
  const std::size_t end = help.find("\n\n", begin);
  ASSERT_NE(begin, help.npos);
  ASSERT_NE(end, help.npos);
  std::istringstream lines(help.substr(begin, end - begin));
  std::string line;
  int commands = 0;
  for (std::getline(lines, line); std::getline(lines, line); ++commands) {
    const std::string name = line.substr(2, line.find(' ', 2) - 2);
    EXPECT_NE(page.find("\n.B " + name + "\n"), page.npos) << name;
  }
  EXPECT_GE(commands, 10);
}

}  // namespace
}  // namespace cutwater::test
