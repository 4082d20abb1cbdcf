// What the access log writes, and what it does when its file cannot be opened.
#include "proxy/exchange/access_log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "tests/support/eventually.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::exchange {
namespace {

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool has(const std::string& line, const std::string& words) {
  return line.find(words) != line.npos;
}

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() {
    target_.to = config::AccessLog::To::File;
    target_.path = directory_.path() / "access.log";
  }
  // Returns what is in the file when all that was written has arrived there.
  std::vector<std::string> written() {
    log_->flush();
    log_.reset();
    writer_.reset();
    return lines_of(target_.path);
  }
  void open() {
    ASSERT_EQ(writer_->open(target_), "");
    log_.emplace(*writer_);
  }

  test::TempDirectory directory_;
  config::AccessLog target_;
  std::unique_ptr<AccessLogWriter> writer_ = std::make_unique<AccessLogWriter>();
  std::optional<AccessLog> log_;
};

TEST_F(AccessLogTest, AFloodOfRefusedRequestsIsCountedNotListed) {
  open();
  LogRecord refused;
  refused.client_ip = "192.0.2.1";
  refused.status = 400;
  refused.reason = "bare_lf";
  const TimePoint start{std::chrono::hours(1)};
  for (int i = 0; i < 1000; ++i) log_->write_refused(refused, start + std::chrono::microseconds(i));
  log_->count_refused(start + std::chrono::milliseconds(999));  // its second is not over
  log_->count_refused(start + std::chrono::seconds(1));
  log_->count_refused(start + std::chrono::seconds(2));
  log_->write_refused(refused, start + std::chrono::seconds(3));
  const auto lines = written();
  ASSERT_EQ(lines.size(), 12u) << "10, their count, and one of the next second";
  EXPECT_TRUE(has(lines[9], "\"reason\":\"bare_lf\"")) << lines[9];
  EXPECT_TRUE(has(lines[10], "\"more_refused\":990")) << lines[10];
  EXPECT_TRUE(has(lines[11], "\"client\":\"192.0.2.1\"")) << lines[11];
}

TEST_F(AccessLogTest, AFailedAttemptIsToldByKind) {
  open();
  LogRecord record;
  record.failed_version = "green";
  record.failed_outcome = "status_5xx";
  record.failed_status = 500;
  log_->write(record);
  record.failed_status = 0;
  record.failed_outcome = "connect_failed";
  log_->write(record);
  const auto lines = written();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(has(lines[0], "\"failed_outcome\":\"status_5xx\",\"failed_status\":500")) << lines[0];
  EXPECT_TRUE(has(lines[1], "\"failed_outcome\":\"connect_failed\"")) << lines[1];
  EXPECT_FALSE(has(lines[1], "failed_status")) << lines[1];
}

TEST_F(AccessLogTest, AReopenThatFailsIsSaidOnceAndTriedUntilItIsDone) {
  target_.path = directory_.path() / "folder" / "access.log";
  const auto folder = directory_.path() / "folder";
  const auto moved = directory_.path() / "moved";
  std::filesystem::create_directory(folder);
  open();
  std::filesystem::rename(folder, moved);
  std::vector<std::string> said;
  std::promise<void> failed, done;
  writer_->reopen([&](const std::string& problem) {
    said.push_back(problem);
    (problem.empty() ? done : failed).set_value();
  });
  failed.get_future().wait();
  log_->write({});  // goes to the old file
  log_->flush();
  EXPECT_TRUE(test::eventually([&] { return lines_of(moved / "access.log").size() == 1; }));
  std::filesystem::create_directory(folder);
  done.get_future().wait();
  ASSERT_EQ(said.size(), 2u);
  EXPECT_TRUE(has(said[0], "No such file or directory")) << said[0];
  log_->write({});
  EXPECT_EQ(written().size(), 1u);
  EXPECT_EQ(lines_of(moved / "access.log").size(), 1u);
}

TEST_F(AccessLogTest, OnlyAFileIsReopened) {
  target_.to = config::AccessLog::To::Off;
  ASSERT_EQ(writer_->open(target_), "");
  std::string said;
  writer_->reopen([&](const std::string& problem) { said = problem; });
  EXPECT_EQ(said, "it is not a file");
}

}  // namespace
}  // namespace cutwater::exchange
