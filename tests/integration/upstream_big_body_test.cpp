// Tests bodies of any size in constant memory. CUTWATER_TEST_BODY_MIB sets the size (10240 for the
// full claim); the default keeps the suite quick.
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // shadow memory grows, so only the way is tested, not the size
constexpr std::uint64_t kDefaultMib = 64;
#else
constexpr bool kSanitized = false;
constexpr std::uint64_t kDefaultMib = 512;
#endif
constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kAllowedGrowth = 4 * kMib;

std::uint64_t body_bytes() {
  const char* mib = std::getenv("CUTWATER_TEST_BODY_MIB");
  return (mib ? std::strtoull(mib, nullptr, 10) : kDefaultMib) * kMib;
}

std::uint64_t resident_bytes() {
  std::uint64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

class BigBody : public UpstreamTest {
 protected:
  static bool send_zeros(TcpStream& stream, std::uint64_t bytes) {
    static const std::string block(256 * 1024, '\0');
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, block.size()))
      if (!stream.try_send({block.data(), std::min<std::uint64_t>(bytes, block.size())}))
        return false;
    return true;
  }
  static bool take(TcpStream& stream, std::uint64_t bytes) {
    std::string piece;
    piece.reserve(256 * 1024);
    while (bytes > 0) {
      piece.clear();
      if (stream.receive(piece) != TcpStream::End::Open || piece.size() > bytes) return false;
      bytes -= piece.size();
    }
    return true;
  }
  void expect_constant_memory(std::uint64_t before) {
    if (kSanitized) return;
    const std::uint64_t after = resident_bytes();
    EXPECT_LT(after, before + kAllowedGrowth);
  }
};

TEST_F(BigBody, Download) {
  const auto send = [](std::uint64_t bytes) {
    return [=](const Received&, UpstreamConnection& connection) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n");
      send_zeros(connection.stream(), bytes);
    };
  };
  start();
  RawClient client(proxy->port());
  std::uint64_t before = 0;
  for (const std::uint64_t bytes : {16 * kMib, body_bytes()}) {
    before = resident_bytes();
    blue.on_request(send(bytes));
    client.send(kGet);
    ASSERT_EQ(client.read_response_head().status, 200);
    ASSERT_TRUE(take(client.stream(), bytes - client.reader().buffered().size()));
    client.reader().read_exactly(client.reader().buffered().size());
  }
  expect_constant_memory(before);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Success) == 2; }));
  expect_upstream_pooled();
}

TEST_F(BigBody, Upload) {
  blue.on_head([](const Received& request, UpstreamConnection& connection) {
    const std::uint64_t bytes = std::stoull(request.field("Content-Length"));
    const std::uint64_t early = connection.reader().buffered().size();
    const bool whole = take(connection.stream(), bytes - early);
    connection.reader().read_exactly(early);
    connection.answer(whole ? 200 : 400, "");
  });
  start();
  RawClient client(proxy->port());
  std::uint64_t before = 0;
  for (const std::uint64_t bytes : {16 * kMib, body_bytes()}) {
    before = resident_bytes();
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(bytes) +
                "\r\n\r\n");
    ASSERT_TRUE(send_zeros(client.stream(), bytes));
    ASSERT_EQ(client.read_response().status, 200);
  }
  expect_constant_memory(before);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Success) == 2; }));
  expect_upstream_pooled();
}

}  // namespace
}  // namespace cutwater::test
