// Lets one coroutine wait for something that is not a socket, such as a stream of a shared
// connection. Waking resumes the coroutine from the loop, never inside the caller. Check the
// condition, then wait, then check again. Only the loop's thread uses it.
#pragma once

#include <coroutine>
#include <utility>

#include "proxy/net/event_loop.hpp"
#include "proxy/net/socket.hpp"

namespace cutwater::net {

class WaitPoint {
 public:
  explicit WaitPoint(EventLoop& loop) : loop_(loop), timer_(this, &on_timeout) {}
  WaitPoint(const WaitPoint&) = delete;
  WaitPoint& operator=(const WaitPoint&) = delete;

  struct Awaiter {
    WaitPoint* point;
    TimePoint deadline;  // TimePoint::max() if there is none
    bool await_ready() const noexcept { return point->cancelled_; }
    void await_suspend(std::coroutine_handle<> handle) const {
      point->waiter_ = handle;
      point->result_ = Wait::Ready;
      if (deadline != TimePoint::max()) point->loop_.timers().arm(point->timer_, deadline);
    }
    Wait await_resume() const { return point->cancelled_ ? Wait::Cancelled : point->result_; }
  };
  Awaiter wait(TimePoint deadline) { return {this, deadline}; }
  Awaiter wait() { return {this, TimePoint::max()}; }

  void wake() {
    if (!waiter_) return;
    timer_.disarm();
    loop_.defer(std::exchange(waiter_, nullptr));
  }
  // Also cancels every later wait, until cleared.
  void cancel() {
    cancelled_ = true;
    wake();
  }
  void clear_cancel() { cancelled_ = false; }

 private:
  static void on_timeout(void* self) {
    auto* point = static_cast<WaitPoint*>(self);
    point->result_ = Wait::Timeout;
    if (const auto waiter = std::exchange(point->waiter_, nullptr)) waiter.resume();
  }

  EventLoop& loop_;
  Timer timer_;
  std::coroutine_handle<> waiter_;
  Wait result_ = Wait::Ready;
  bool cancelled_ = false;
};

}  // namespace cutwater::net
