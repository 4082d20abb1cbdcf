// Tests event loop, plain transport and send queue over a socket pair. The test is the peer.
#include "proxy/net/transport.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "proxy/net/send_queue.hpp"

namespace cutwater::net {
namespace {

using namespace std::chrono_literals;

class SocketTest : public ::testing::Test {
 protected:
  SocketTest() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    const int small = 4096;
    ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    socket = std::make_unique<Transport>(loop, fds[0]);
    peer = fds[1];
  }
  ~SocketTest() override {
    socket.reset();
    if (peer >= 0) ::close(peer);
  }

  // Runs the loop until `body` has ended.
  void run(Task<void> body) {
    spawn(then_stop(&loop, std::move(body)));
    loop.run();
  }
  static Task<void> then_stop(EventLoop* loop, Task<void> body) {
    co_await body;
    loop->stop();
  }
  TimePoint soon() const { return Clock::now() + 5s; }
  void peer_says(std::string_view text) {
    EXPECT_EQ(::send(peer, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::string peer_hears() {
    std::string all(1 << 20, '\0');
    const ssize_t n = ::recv(peer, all.data(), all.size(), 0);
    all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return all;
  }

  EventLoop loop;
  std::unique_ptr<Transport> socket;
  int peer = -1;
};

// --- reading ------------------------------------------------------------------------------------

Task<void> read_once(Transport* socket, TimePoint deadline, Wait* wait, std::string* text) {
  *wait = co_await socket->readable(deadline);
  char buffer[64];
  const IoResult read = socket->try_read(buffer);
  text->assign(buffer, read.bytes);
}

TEST_F(SocketTest, WakesTheReaderWhenBytesCome) {
  Wait wait = Wait::Timeout;
  std::string text;
  loop.post([this] { peer_says("hello"); });
  run(read_once(socket.get(), soon(), &wait, &text));
  EXPECT_EQ(wait, Wait::Ready);
  EXPECT_EQ(text, "hello");
}

TEST_F(SocketTest, WakesTheReaderAtItsDeadline) {
  Wait wait = Wait::Ready;
  std::string text;
  const TimePoint deadline = Clock::now() + 50ms;
  run(read_once(socket.get(), deadline, &wait, &text));
  EXPECT_EQ(wait, Wait::Timeout);
  EXPECT_GE(Clock::now(), deadline);
}

TEST_F(SocketTest, WakesTheReaderWhenCancelledAndEveryLaterOneUntilCleared) {
  Wait wait = Wait::Ready;
  std::string text;
  loop.post([this] { socket->cancel_read(); });
  run(read_once(socket.get(), soon(), &wait, &text));
  EXPECT_EQ(wait, Wait::Cancelled);
}

Task<void> read_cancelled_then_cleared(Transport* socket, TimePoint deadline,
                                       std::vector<Wait>* waits) {
  socket->cancel_read();
  const Wait cancelled = co_await socket->readable(deadline);
  waits->push_back(cancelled);
  socket->clear_cancel();
  const Wait ready = co_await socket->readable(deadline);
  waits->push_back(ready);
}

TEST_F(SocketTest, ACancelledSocketCanBeUsedAgain) {
  std::vector<Wait> waits;
  peer_says("x");
  run(read_cancelled_then_cleared(socket.get(), soon(), &waits));
  EXPECT_EQ(waits, (std::vector<Wait>{Wait::Cancelled, Wait::Ready}));
}

struct ReadToTheEnd {
  std::string text;
  Wait last_wait = Wait::Ready;
};

Task<void> read_all(Transport* socket, TimePoint deadline, ReadToTheEnd* seen) {
  for (;;) {
    seen->last_wait = co_await socket->readable(deadline);
    if (seen->last_wait != Wait::Ready) co_return;
    char buffer[4];
    const IoResult read = socket->try_read(buffer);
    if (read.kind == IoResult::Kind::WouldBlock) continue;
    if (read.kind != IoResult::Kind::Done) co_return;
    seen->text.append(buffer, read.bytes);
  }
}

// A FIN behind the last bytes raises no edge of its own, but the socket must notice it.
TEST_F(SocketTest, ReadsEverythingUpToTheEnd) {
  for (const std::string sent : {"", "abc", "abcd", "abcdefg", "abcdefgh"}) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    EventLoop own;
    Transport reader(own, fds[0]);
    own.post([&] {
      EXPECT_EQ(::send(fds[1], sent.data(), sent.size(), 0), static_cast<ssize_t>(sent.size()));
      ::close(fds[1]);
    });
    ReadToTheEnd seen;
    spawn(then_stop(&own, read_all(&reader, soon(), &seen)));
    own.run();
    EXPECT_EQ(seen.text, sent);
    EXPECT_EQ(seen.last_wait, Wait::Ready) << "slept through the end of \"" << sent << "\"";
  }
}

Task<void> destroy_when_readable(std::unique_ptr<Transport>* socket, TimePoint deadline,
                                 Wait* wait) {
  *wait = co_await (*socket)->readable(deadline);
  socket->reset();
}

// The event that wakes the reader says "writable" too; AddressSanitizer watches what is touched.
TEST_F(SocketTest, AWokenReaderMayDestroyTheSocket) {
  Wait wait = Wait::Timeout;
  loop.post([this] { peer_says("last words"); });
  run(destroy_when_readable(&socket, soon(), &wait));
  EXPECT_EQ(wait, Wait::Ready);
  EXPECT_FALSE(socket);
}

// --- watching -----------------------------------------------------------------------------------

struct StoppingWatcher final : Transport::Watcher {
  explicit StoppingWatcher(EventLoop& running) : loop(running) {}
  void on_idle_event() override {
    ++events;
    loop.stop();
  }
  EventLoop& loop;
  int events = 0;
};

TEST_F(SocketTest, AWatcherHearsOfDataNobodyAskedFor) {
  StoppingWatcher watcher(loop);
  socket->watch(&watcher, soon());
  loop.post([this] { peer_says("unasked"); });
  loop.run();
  EXPECT_GE(watcher.events, 1);
}

TEST_F(SocketTest, AWatcherHearsOfThePeersEnd) {
  StoppingWatcher watcher(loop);
  socket->watch(&watcher, soon());
  loop.post([this] { ::close(std::exchange(peer, -1)); });
  loop.run();
  EXPECT_GE(watcher.events, 1);
}

TEST_F(SocketTest, AWatcherHearsWhenTheIdleTimeIsOver) {
  StoppingWatcher watcher(loop);
  socket->watch(&watcher, Clock::now() + 30ms);
  loop.run();
  EXPECT_EQ(watcher.events, 1);
}

// --- SendQueue ----------------------------------------------------------------------------------

TEST_F(SocketTest, SmallPiecesLeaveInOneGo) {
  BlockPool blocks(64 * 1024, 4);
  SendQueue queue(*socket, blocks, Side::Downstream);
  queue.add_head("head;");
  queue.add("");
  queue.add("body;");
  queue.add("end");
  const auto sent = queue.send();
  ASSERT_TRUE(sent);
  EXPECT_EQ(*sent, Flow::Done);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes_sent(), 13u);
  EXPECT_EQ(peer_hears(), "head;body;end");
}

Task<void> flush_all(SendQueue* queue, Nanoseconds stall, Result<void>* result) {
  *result = co_await queue->flush(stall);
}

TEST_F(SocketTest, ABlockedQueueKeepsItsHeadThoughTheScratchIsReused) {
  BlockPool blocks(64 * 1024, 4);
  SendQueue queue(*socket, blocks, Side::Downstream);
  while (socket->try_write(std::string(1024, '.')).kind == IoResult::Kind::Done) {
  }
  std::string scratch(1000, 'h');
  const std::string body(50'000, 'b');
  queue.add_head(scratch);
  queue.add(body);
  const auto sent = queue.send();
  ASSERT_TRUE(sent);
  ASSERT_EQ(*sent, Flow::Blocked);
  scratch.assign(1000, 'X');  // another connection's head

  std::string heard;
  std::thread reader([this, &heard] {
    const std::size_t wanted = 51'000;
    const auto payload = [&] { return heard.size() - std::count(heard.begin(), heard.end(), '.'); };
    const TimePoint give_up = Clock::now() + 5s;
    while (payload() < wanted && Clock::now() < give_up) heard += peer_hears();
  });
  Result<void> flushed = Error{Errc::Closed};
  run(flush_all(&queue, 5s, &flushed));
  reader.join();
  EXPECT_TRUE(flushed);
  std::erase(heard, '.');
  EXPECT_EQ(heard, std::string(1000, 'h') + body);
}

TEST_F(SocketTest, AFlushEndsWhenThePeerStalls) {
  BlockPool blocks(64 * 1024, 4);
  SendQueue queue(*socket, blocks, Side::Downstream);
  const std::string body(500'000, 'b');
  queue.add(body);
  const auto sent = queue.send();
  ASSERT_TRUE(sent);
  ASSERT_EQ(*sent, Flow::Blocked);
  Result<void> flushed;
  run(flush_all(&queue, 30ms, &flushed));
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::Timeout);
  EXPECT_EQ(flushed.error().side, Side::Downstream);
}

TEST_F(SocketTest, AFlushEndsWhenThePeerIsGone) {
  BlockPool blocks(64 * 1024, 4);
  SendQueue queue(*socket, blocks, Side::Upstream);
  const std::string body(500'000, 'b');
  queue.add(body);
  ASSERT_TRUE(queue.send());
  loop.post([this] { ::close(std::exchange(peer, -1)); });
  Result<void> flushed;
  run(flush_all(&queue, 5s, &flushed));
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Errc::Reset);
  EXPECT_EQ(flushed.error().side, Side::Upstream);
}

// --- EventLoop ----------------------------------------------------------------------------------

TEST_F(SocketTest, PostedWorkRunsInOrderFromAnyThread) {
  std::vector<int> order;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.stop();
  });
  loop.run();
  other.join();
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

Task<void> yielding(EventLoop* loop, std::string* story, char name) {
  for (int i = 0; i < 3; ++i) {
    story->push_back(name);
    co_await loop->yield();
  }
}

TEST_F(SocketTest, YieldingGivesTheOthersTheirTurn) {
  std::string story;
  spawn(yielding(&loop, &story, 'a'));
  run(yielding(&loop, &story, 'b'));
  EXPECT_EQ(story, "ababab");
}

}  // namespace
}  // namespace cutwater::net
