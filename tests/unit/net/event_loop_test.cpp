// Tests whose turn it is: events, what they deferred, and events again.
#include "proxy/net/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <string>

#include "proxy/base/task.hpp"
#include "tests/support/tcp_stream.hpp"

namespace cutwater::net {
namespace {

// One end of a socket pair is registered and acts when the other is poked.
class Bell final : public Descriptor {
 public:
  Bell(EventLoop& loop, std::function<void()> act) : act_(std::move(act)) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
      throw test::TestFailure("socketpair");
    ours_ = test::TcpStream(ends[0]);
    theirs_ = test::TcpStream(ends[1]);
    loop.add(ours_.fd(), this, EPOLLIN);
  }
  void ring() { theirs_.send("!"); }
  void on_events(std::uint32_t) override { act_(); }

 private:
  std::function<void()> act_;
  test::TcpStream ours_, theirs_;
};

Task<void> after_yield(EventLoop& loop, std::function<void()> act) {
  co_await loop.yield();
  act();
}

TEST(EventLoopTest, WhatIsDeferredComesBehindTheEventsThatAreThereByThen) {
  EventLoop loop;
  std::string order;
  Bell second(loop, [&] { order += "second event, "; });
  Bell first(loop, [&] {
    order += "first event, ";
    spawn(after_yield(loop, [&] {
      order += "deferred";
      loop.stop();
    }));
    second.ring();  // while the first is being served
  });
  first.ring();
  loop.run();
  EXPECT_EQ(order, "first event, second event, deferred");
}

TEST(EventLoopTest, AStreamOfEventsDoesNotKeepWhatIsDeferredWaiting) {
  EventLoop loop;
  int events = 0, before_deferred = 0;
  Bell* bell = nullptr;
  Bell endless(loop, [&] {
    if (++events == 1)
      spawn(after_yield(loop, [&] {
        before_deferred = events;
        loop.stop();
      }));
    bell->ring();
  });
  bell = &endless;
  endless.ring();
  loop.run();
  EXPECT_GT(before_deferred, 1);
  EXPECT_LT(before_deferred, 10);
}

}  // namespace
}  // namespace cutwater::net
