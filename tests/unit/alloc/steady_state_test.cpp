// Tests that a keep-alive request allocates nothing. Every allocation of this program is counted
// while it happens on the worker's thread and counting is on; the clients and upstreams have
// threads of their own. This is a separate program, because it replaces malloc.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "tests/integration/upstream_support.hpp"

namespace {
std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};
thread_local bool is_worker = false;

}  // namespace

static void note() {
  if (is_worker && counting.load(std::memory_order_relaxed)) ++allocations;
}

extern "C" {
void* __libc_malloc(std::size_t size);                 // NOLINT: glibc's own names
void* __libc_calloc(std::size_t n, std::size_t size);  // NOLINT
void* __libc_realloc(void* old, std::size_t size);     // NOLINT
void* malloc(std::size_t size) {
  note();
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  note();
  return __libc_calloc(n, size);
}
void* realloc(void* old, std::size_t size) {
  note();
  return __libc_realloc(old, size);
}
}

namespace cutwater::test {
namespace {

class SteadyState : public UpstreamTest {
 protected:
  // Counts the worker's allocations during `requests` of these, after as many to warm up. The least
  // of a few rounds counts: the kernel decides how the bytes of a body arrive, and the first time
  // that two sides block at once takes a frame or a block more. What every request needs shows in
  // each round.
  std::uint64_t count(const std::string& request, int requests) {
    RawClient client(proxy->port());
    const auto send_all = [&] {
      for (int i = 0; i < requests; ++i) {
        client.send(request);
        ASSERT_EQ(client.read_response().status, 200);
      }
    };
    send_all();
    // The only worker runs this: from now on its thread is known.
    std::atomic<bool> known{false};
    proxy->group().publish(proxy->snapshot_of(setup), [&] {
      is_worker = true;
      known = true;
    });
    EXPECT_TRUE(eventually([&] { return known.load(); }));
    send_all();
    std::uint64_t least = ~std::uint64_t{0};
    for (int round = 0; round < 5 && least > 0; ++round) {
      allocations = 0;
      counting = true;
      send_all();
      counting = false;
      least = std::min<std::uint64_t>(least, allocations);
    }
    return least;
  }
};

TEST_F(SteadyState, CountingWorks) {
  start();
  // A new connection needs memory: if this counts nothing, the other tests prove nothing.
  count(std::string(kGet), 10);
  allocations = 0;
  counting = true;
  EXPECT_EQ(get(proxy->port()).status, 200);
  counting = false;
  EXPECT_GT(allocations, 0u);
}

TEST_F(SteadyState, GetAllocatesNothing) {
  start();
  EXPECT_EQ(count(std::string(kGet), 1000), 0u);
}

TEST_F(SteadyState, GetOfANewVisitorAllocatesNothing) {
  setup = ProxySetup();
  setup.version("blue", 95, {blue.port()}).version("green", 5, {blue.port()});
  start();
  EXPECT_EQ(count("GET /a/%61b?c=d HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\n\r\n", 1000), 0u);
}

TEST_F(SteadyState, PostWithALateBodyAllocatesNothing) {
  start();
  EXPECT_EQ(count(post(std::string(100'000, 'x')), 200), 0u);
}

TEST_F(SteadyState, ChunkedBodiesWithoutTrailersAllocateNothing) {
  blue.answer_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  start();
  EXPECT_EQ(count("POST /p HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
                  "\r\n5\r\nhello\r\n0\r\n\r\n",
                  1000),
            0u);
}

TEST_F(SteadyState, AccessLogAllocatesPerBufferNotPerRequest) {
  setup.access_log.to = config::AccessLog::To::File;
  setup.access_log.path = testing::TempDir() + "steady_state.log";
  start();
  EXPECT_LE(count(std::string(kGet), 1000), 20u);
}

}  // namespace
}  // namespace cutwater::test
