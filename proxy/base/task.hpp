// Task<T> is a coroutine that starts lazily and is awaited once, on one thread.
//
// Frames come from a per-thread free list (frame_pool.hpp): after warm-up a request allocates
// nothing. A child that finishes without waiting does not suspend its parent, so loops over ready
// operations neither grow the stack nor pay for a suspension, at any optimisation level. GCC 12
// miscompiles a Task awaited inside a condition: write `const auto x = co_await f();` and branch on
// x (tests/tidy watches this). An exception that leaves a task ends the process; the data
// plane does not throw.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "proxy/base/frame_pool.hpp"

namespace cutwater {

namespace detail {

struct PromiseBase {
  static void* operator new(std::size_t size) { return FramePool::allocate(size); }
  static void operator delete(void* frame, std::size_t size) { FramePool::release(frame, size); }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      const auto continuation = self.promise().continuation_;
      return continuation ? continuation : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> continuation_;
};

template <typename T>
struct ResultPromise : PromiseBase {
  template <typename U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() { return std::move(*value_); }
  std::optional<T> value_;
};

template <>
struct ResultPromise<void> : PromiseBase {
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::ResultPromise<T> {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) {
    handle_.resume();
    if (handle_.done()) return false;
    handle_.promise().continuation_ = parent;
    return true;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// A coroutine that nobody awaits returns this: it starts at once, and its frame frees itself when
// the body ends.
struct Detached {
  struct promise_type {
    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* frame, std::size_t size) { FramePool::release(frame, size); }
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

// Starts `task` now, on this thread; it lives until its body ends.
inline Detached spawn(Task<void> task) {
  co_await task;
}

// A child runs beside its parent and is joined before the parent leaves:
//   Child pump; pump.start(pump_body(...)); ...; co_await pump.join();
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void start(Task<void> task) {
    running_ = true;
    spawn(run(this, std::move(task)));
  }
  bool running() const { return running_; }

  auto join() {
    struct Awaiter {
      Child* child;
      bool await_ready() const noexcept { return !child->running_; }
      void await_suspend(std::coroutine_handle<> joiner) const noexcept { child->joiner_ = joiner; }
      void await_resume() const noexcept {}
    };
    return Awaiter{this};
  }

 private:
  static Task<void> run(Child* self, Task<void> task) {
    co_await task;
    self->running_ = false;
    if (const auto joiner = std::exchange(self->joiner_, nullptr)) joiner.resume();
  }

  bool running_ = false;
  std::coroutine_handle<> joiner_;
};

}  // namespace cutwater
