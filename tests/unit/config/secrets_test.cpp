// Tests that secrets come from outside, and are never shown again.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "config/show.hpp"
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string token(const std::string& secret) {
  return with("admin: {tokens: [{name: bot, role: admin, secret: " + secret + "}]}");
}

TEST(Secrets, ComeFromTheEnvironmentOrAFile) {
  const Sources sources = fake_sources({{"TOKEN", "s3cret"}}, {{"/run/t", "from-file\n"}});
  const Secret env = read(token("\"${env:TOKEN}\""), sources).admin.tokens.at(0).secret;
  EXPECT_EQ(env.value, "s3cret");
  EXPECT_EQ(env.origin, "${env:TOKEN}");
  const Secret file = read(token("\"${file:/run/t}\""), sources).admin.tokens.at(0).secret;
  EXPECT_EQ(file.value, "from-file") << "one newline is trimmed";
  EXPECT_EQ(file.origin, "${file:/run/t}");
}

TEST(Secrets, WithTokensTheAdminApiMayBindAnywhere) {
  const Config config =
      read(with("admin: {listen: \"0.0.0.0:9901\", tokens: [{name: bot, role: deployer, secret: "
                "\"${env:TOKEN}\"}]}"),
           fake_sources({{"TOKEN", "s3cret-of-16-let"}}));
  EXPECT_EQ(config.admin.listen.host, "0.0.0.0");
  EXPECT_EQ(config.admin.tokens.at(0).role, Role::Deployer);
}

TEST(Secrets, AShortTokenIsAnErrorWhereOthersReachTheAdminApi) {
  const auto problems = [](const std::string& where) {
    return problems_in(with("admin: {" + where +
                            ", tokens: [{name: bot, role: deployer, secret: \"${env:TOKEN}\"}]}"),
                       fake_sources({{"TOKEN", "fifteen-letters"}}));
  };
  for (const char* where :
       {"listen: \"0.0.0.0:9901\"", "listen: \"10.0.0.1:9901\"", "probes: \"0.0.0.0:9902\""}) {
    const auto found = problems(where);
    ASSERT_EQ(found.size(), 1u) << where;
    EXPECT_THAT(found.front(), testing::HasSubstr("token `bot` is shorter than 16 characters"));
    EXPECT_THAT(found.front(), testing::Not(testing::HasSubstr("fifteen")));
  }
  for (const char* where :
       {"listen: \"127.0.0.1:9901\"", "listen: \"unix:/run/c.sock\"", "probes: \"[::1]:9902\""})
    EXPECT_THAT(problems(where), testing::IsEmpty()) << where;
}

TEST(Secrets, ALiteralIsRefusedAndNotRepeated) {
  const std::string how =
      "5:51: `secret`: a secret is never written here: use \"${env:NAME}\" or \"${file:/path}\"";
  for (const char* literal : {"hunter2", "\"\"", "\"x${env:TOKEN}\"", "\"${env:TOKEN}x\"",
                              "\"${env:a b}\"", "\"${file:relative}\"", "\"${vault:x}\"",
                              "[hunter2]", "{a: hunter2}", "\"${\"", "\"${}\""}) {
    EXPECT_THAT(problems_in(token(literal), fake_sources({{"TOKEN", "s"}})), ElementsAre(how))
        << literal;
  }
}

TEST(Secrets, ASourceThatHasNoneIsNamed) {
  const Sources sources =
      fake_sources({{"EMPTY", ""}, {"BLANK", "a b"}}, {{"/e", "\n"}, {"/two", "a\n\n"}});
  const auto told = [&](const std::string& reference) {
    return problems_in(token("\"" + reference + "\""), sources);
  };
  EXPECT_THAT(told("${env:GONE}"),
              ElementsAre("5:51: `secret`: environment variable `GONE` is not set"));
  EXPECT_THAT(told("${env:EMPTY}"),
              ElementsAre("5:51: `secret`: environment variable `EMPTY` is empty"));
  EXPECT_THAT(
      told("${env:BLANK}"),
      ElementsAre("5:51: `secret`: environment variable `BLANK` contains a blank, a control "
                  "character or a character outside ASCII"));
  EXPECT_THAT(told("${file:/gone}"),
              ElementsAre("5:51: `secret`: file `/gone` cannot be read: no such file"));
  EXPECT_THAT(told("${file:/e}"), ElementsAre("5:51: `secret`: file `/e` is empty"));
  EXPECT_THAT(told("${file:/two}"), ElementsAre(HasSubstr("contains a blank")));
}

TEST(Secrets, TokensAreCheckedAgainstEachOther) {
  const Sources sources = fake_sources({{"A", "same"}, {"B", "same"}, {"C", "other"}});
  EXPECT_THAT(problems_in(with("admin:\n"
                               "  tokens:\n"
                               "    - {name: a, role: viewer, secret: \"${env:A}\"}\n"
                               "    - {name: b, role: viewer, secret: \"${env:B}\"}\n"
                               "    - {name: a, role: viwer, secret: \"${env:C}\"}\n"
                               "    - {role: admin}"),
                          sources),
              ElementsAre("8:39: token `b` has the same secret as `a`", "9:14: duplicate token `a`",
                          "9:23: `role` is `viwer`: expected viewer, deployer, approver or admin, "
                          "did you mean `viewer`?",
                          "10:7: `name` is missing", "10:7: `secret` is missing"));
}

TEST(Secrets, AreShownAsWhereTheyComeFrom) {
  const std::string shown =
      show_json(read(token("\"${env:TOKEN}\""), fake_sources({{"TOKEN", "s3cret-value"}})));
  EXPECT_THAT(shown, AllOf(HasSubstr("${env:TOKEN}"), Not(HasSubstr("s3cret-value"))));
}

class SecretFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "secretsXXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    ::unsetenv("CREDENTIALS_DIRECTORY");
  }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
    ::unsetenv("CREDENTIALS_DIRECTORY");
  }
  std::string path() const { return folder_ + "/token"; }
  void write(const std::string& text, mode_t mode) const {
    std::ofstream(path()) << text;
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
  }
  FileText read_it() const { return system_sources().file(path()); }

  std::string folder_;
};

TEST_F(SecretFile, IsReadWhenOnlyItsOwnersMay) {
  write("s3cret\n", 0640);
  EXPECT_EQ(read_it().text, "s3cret\n");
}

TEST_F(SecretFile, IsRefusedWhenEverybodyMayReadIt) {
  write("s3cret\n", 0644);
  const FileText file = read_it();
  EXPECT_FALSE(file.text.has_value());
  EXPECT_EQ(file.error, "may be read by everybody; chmod o-r");
}

TEST_F(SecretFile, IsReadFromTheCredentialsDirectoryWhateverItsMode) {
  write("s3cret\n", 0644);
  ::setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(read_it().text, "s3cret\n");
  ::setenv("CREDENTIALS_DIRECTORY", (folder_ + "/tok").c_str(), 1);
  EXPECT_FALSE(read_it().text.has_value()) << "a name that only starts alike is another place";
}

TEST_F(SecretFile, OthersAreRefusedWithTheReason) {
  EXPECT_EQ(read_it().error, "cannot be read: No such file or directory");
  EXPECT_EQ(system_sources().file(folder_).error, "is no regular file");
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(read_it().error, "is no regular file") << "and nobody waited for a writer";
  ::unlink(path().c_str());
  write(std::string(64 * 1024 + 1, 'x'), 0600);
  EXPECT_EQ(read_it().error, "is larger than 64 KiB");
}

TEST_F(SecretFile, TheEnvironmentIsTheProcesss) {
  ::setenv("CUTWATER_TEST_TOKEN", "abc", 1);
  EXPECT_EQ(system_sources().env("CUTWATER_TEST_TOKEN"), "abc");
  ::unsetenv("CUTWATER_TEST_TOKEN");
  EXPECT_EQ(system_sources().env("CUTWATER_TEST_TOKEN"), std::nullopt);
}

}  // namespace
}  // namespace cutwater::config
