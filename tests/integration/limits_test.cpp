// Tests section 4 of tests/HARDENING.md, when something runs out: connections, descriptors, the
// access log's reader.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/edge_fixture.hpp"
#include "tests/support/h2_frames.hpp"

namespace cutwater::test {
namespace {

using Limits = Edge;

TEST_F(Limits, R16ConnectionsBeyondTheLimitAreClosedAtOnce) {
  setup.limits.connections = 2;
  RawClient first(port());
  RawClient second(port());
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 2; }));
  RawClient third(port());
  EXPECT_EQ(third.read_until_close(), "");
  EXPECT_TRUE(eventually([&] { return proxy().totals().connections_refused == 1; }));
  first.send(kGet + "\r\n");
  EXPECT_EQ(first.read_response().status, 200) << "those inside are served";
  second.close();
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 1; }));
  EXPECT_EQ(get(port()).status, 200) << "a place has become free";
}

TEST_F(Limits, R16TheLimitHoldsForAllWorkersTogether) {
  setup.limits.connections = 10;
  setup.workers = 2;
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < 30; ++i) crowd.push_back(std::make_unique<RawClient>(port()));
  EXPECT_TRUE(eventually([&] { return proxy().totals().connections_refused == 20; }));
  EXPECT_EQ(proxy().totals().downstream_open, 10u);
  crowd.clear();
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 0; }));
  EXPECT_EQ(get(port()).status, 200);
}

TEST_F(Limits, LoopbackIsExemptFromTheLimitPerAddress) {
  setup.limits.connections_per_ip = 1;
  RawClient first(port());
  RawClient second(port());
  second.send(kGet + "\r\n");
  EXPECT_EQ(second.read_response().status, 200);
}

// While it lives, nothing in the process gets a new descriptor.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(Limits, R17AcceptWithoutDescriptorsPausesAndRecovers) {
  EXPECT_EQ(get(port()).status, 200);
  RawClient client(TcpStream::prepare(TcpStream::Dial{}));  // connecting needs no new descriptor
  {
    const NoDescriptorsLeft limit;
    const auto began = std::chrono::steady_clock::now();
    client.stream().connect_to(port());
    client.send(kGet + "\r\n");
    EXPECT_TRUE(eventually([&] { return proxy().totals().accept_errors >= 3; }));
    EXPECT_GE(std::chrono::steady_clock::now() - began, 200ms) << "it spins";
  }
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(Limits, R17WithoutADescriptorForTheUpstreamTheAnswerIs503) {
  RawClient client(port());
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 1; }));
  {
    const NoDescriptorsLeft limit;
    client.send(kGet + "\r\n");
    EXPECT_EQ(client.read_response().status, 503);
  }
  EXPECT_EQ(attempts(), 0u) << "not the version's fault";
  EXPECT_EQ(proxy().totals().client_aborts, 0u) << "nor the client's";
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

// --- the access log ----------------------------------------------------------------------------

void log_to(ProxySetup& setup, const std::string& path) {
  setup.access_log.to = config::AccessLog::To::File;
  setup.access_log.path = path;
}

TEST_F(Limits, R26ALogThatNobodyReadsLosesLinesNotRequests) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
  log_to(setup, "/proc/self/fd/" + std::to_string(pipe_fds[1]));
  RawClient client(port());
  const std::string request = "GET /" + std::string(7'000, 't') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 1'500; ++i) {
    client.send(request);
    ASSERT_EQ(client.read_response().status, 200);
  }
  EXPECT_TRUE(eventually([&] { return proxy().totals().log_lines_dropped > 0; }));
  stop_proxy();  // a stuck log must not delay the exit: this would never return
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
}

TEST_F(Limits, R26AFullDiskLosesLinesNotRequests) {
  log_to(setup, "/dev/full");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(port()).status, 200);
  EXPECT_TRUE(eventually([&] { return proxy().totals().log_lines_dropped == 3; }));
}

std::filesystem::path own_log() {
  return std::filesystem::temp_directory_path() / ("edge_log_" + std::to_string(::getpid()));
}

std::vector<std::string> lines(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

TEST_F(Limits, TheLogTellsOneLinePerRequestAndFollowsARotation) {
  const std::filesystem::path path = own_log();
  const std::filesystem::path rotated = path.string() + ".1";
  log_to(setup, path);
  EXPECT_EQ(get(port(), "/first\"").status, 400);
  EXPECT_EQ(get(port(), "/second", "X: \xff\r\n").status, 200);
  ASSERT_TRUE(eventually([&] { return lines(path).size() == 2; }));
  for (const char* said : {"\"status\":400", "\"client\":\"127.0.0.1\"", "\"reason\":\"target\"",
                           "\"outcome\":\"refused\""})
    EXPECT_NE(lines(path)[0].find(said), std::string::npos) << said << " in " << lines(path)[0];
  EXPECT_NE(lines(path)[1].find("\"target\":\"/second\""), std::string::npos) << lines(path)[1];
  std::filesystem::rename(path, rotated);
  proxy().group().reopen_access_log([](const std::string&) {});
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path); }));
  EXPECT_EQ(get(port(), "/third").status, 200);
  EXPECT_TRUE(eventually([&] { return lines(path).size() == 1; }));
  EXPECT_EQ(lines(rotated).size(), 2u);
  std::filesystem::remove(path);
  std::filesystem::remove(rotated);
}

// Whatever refuses it: nghttp2 does so before anything of ours sees the head.
TEST_F(Limits, ARequestRefusedOverHttp2LeavesALineInTheLog) {
  const std::filesystem::path path = own_log();
  log_to(setup, path);
  const auto fields = [](const std::string& name, const std::string& value) {
    H2Fields all = h2_get();
    all.emplace_back(name, value);
    return all;
  };
  const H2Fields no_path{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}};
  H2Client client(port());
  for (const H2Fields& bad : {fields("connection", "close"), fields("x", "a\rb"), no_path})
    EXPECT_NE(client.answer(client.request(bad)).reset, std::nullopt);
  H2Fields large = h2_get();
  for (int i = 0; i < 5; ++i) large.emplace_back("x", std::string(15'000, 'x'));
  H2Client other(port());
  other.request(large);
  EXPECT_NE(other.goaway(), std::nullopt);
  ASSERT_TRUE(eventually([&] { return lines(path).size() == 4; }));
  for (const std::string& line : lines(path))
    for (const char* said :
         {"\"status\":0", "\"client\":\"127.0.0.1\"", "\"outcome\":\"refused\"", "\"reason\":"})
      EXPECT_NE(line.find(said), std::string::npos) << said << " in " << line;
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace cutwater::test
