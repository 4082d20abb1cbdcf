// Runs one thread's epoll loop: edge-triggered descriptors, a timer wheel, deferred coroutines, and
// a mailbox to which other threads may post.
//
// Asio runs the control plane but not this loop: to wait for readability without holding a buffer
// costs Asio 1.26 one epoll_ctl per wait, two system calls per proxied request. This loop registers
// a descriptor once.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <coroutine>
#include <functional>
#include <mutex>
#include <vector>

#include "proxy/base/clock.hpp"
#include "proxy/net/timer_wheel.hpp"

namespace cutwater::net {

// A descriptor is registered with epoll; it must outlive its registration.
class Descriptor {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Descriptor() = default;
};

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs on the calling thread until stop().
  void run();
  // Any thread may call it.
  void stop();
  // `work` runs on the loop's thread, in the order of the posts. Any thread may call it.
  void post(std::function<void()> work);

  // --- loop's thread only -------------------------------------------------------------------
  // Registers the descriptor for these events, edge-triggered. Returns false with errno set on
  // failure.
  bool add(int fd, Descriptor* descriptor, std::uint32_t events);
  // Does the same for other events; those that are already true are reported at once.
  bool change(int fd, Descriptor* descriptor, std::uint32_t events);
  // After this no event reaches `descriptor`, not even one already fetched. Closing the fd is the
  // caller's business.
  void forget(Descriptor* descriptor);
  bool is_current(const Descriptor* descriptor) const { return current_ == descriptor; }

  // Resumes `handle` from the loop itself, after the events of this turn: no re-entrance.
  void defer(std::coroutine_handle<> handle) { deferred_.push_back(handle); }
  // Deferred work that does not gain by waiting for more runs right behind these events.
  void hurry() { hurry_ = true; }
  // `co_await loop.yield()` lets other connections have their turn.
  auto yield() {
    struct Awaiter {
      EventLoop* loop;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) const { loop->defer(handle); }
      void await_resume() const noexcept {}
    };
    return Awaiter{this};
  }

  TimerWheel& timers() { return timers_; }
  // Returns the time of this turn of the loop: it is good for deadlines, but too coarse for
  // measuring.
  TimePoint now() const { return now_; }

 private:
  class Mailbox;
  bool control(int operation, int fd, Descriptor* descriptor, std::uint32_t events);
  void dispatch(int timeout_ms);  // waits once, and hands out what came
  void look_again();              // looks before what is deferred runs
  void run_posted();
  void run_deferred();

  static constexpr int kBatch = 128;    // events before other work has its turn
  static constexpr int kMoreLooks = 4;  // looks for events, before what is deferred
  int epoll_;
  int wakeup_;  // eventfd
  TimePoint now_;
  TimerWheel timers_;
  std::array<epoll_event, kBatch> events_;
  int event_count_ = 0;
  int event_index_ = 0;
  const Descriptor* current_ = nullptr;
  std::vector<std::coroutine_handle<>> deferred_;
  std::vector<std::coroutine_handle<>> resuming_;
  bool stopping_ = false;
  bool hurry_ = false;
  bool mail_ = false;  // set when the wake-up descriptor has stirred

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

}  // namespace cutwater::net
