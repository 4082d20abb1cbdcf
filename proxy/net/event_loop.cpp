#include "proxy/net/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace cutwater::net {

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(Clock::now()),
      timers_(now_) {
  // This runs at start-up only, the one place where the data plane may throw.
  if (epoll_ < 0 || wakeup_ < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the mailbox
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event);
}

EventLoop::~EventLoop() {
  ::close(wakeup_);
  ::close(epoll_);
}

bool EventLoop::add(int fd, Descriptor* descriptor, std::uint32_t events) {
  return control(EPOLL_CTL_ADD, fd, descriptor, events);
}

bool EventLoop::change(int fd, Descriptor* descriptor, std::uint32_t events) {
  return control(EPOLL_CTL_MOD, fd, descriptor, events);
}

bool EventLoop::control(int operation, int fd, Descriptor* descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.ptr = descriptor;
  return ::epoll_ctl(epoll_, operation, fd, &event) == 0;
}

void EventLoop::forget(Descriptor* descriptor) {
  if (current_ == descriptor) current_ = nullptr;
  for (int i = event_index_; i < event_count_; ++i)
    if (events_[i].data.ptr == descriptor) events_[i].events = 0;
}

void EventLoop::post(std::function<void()> work) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (was_empty) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wakeup_, &one, sizeof one);
  }
}

void EventLoop::stop() {
  post([this] { stopping_ = true; });
}

void EventLoop::run_posted() {
  std::uint64_t count;
  [[maybe_unused]] const auto ignored = ::read(wakeup_, &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void EventLoop::run_deferred() {
  hurry_ = false;
  // Runs one round only: what is deferred now runs after the next look at the sockets.
  resuming_.swap(deferred_);
  for (const auto handle : resuming_) handle.resume();
  resuming_.clear();
}

void EventLoop::dispatch(int timeout_ms) {
  event_count_ = ::epoll_wait(epoll_, events_.data(), kBatch, timeout_ms);
  now_ = Clock::now();
  for (event_index_ = 0; event_index_ < event_count_;) {
    const epoll_event event = events_[event_index_++];
    if (event.events == 0) continue;
    if (!event.data.ptr) {
      mail_ = true;
      continue;
    }
    auto* descriptor = static_cast<Descriptor*>(event.data.ptr);
    current_ = descriptor;
    descriptor->on_events(event.events);
  }
  current_ = nullptr;
}

// Mostly the writers of connections with many streams are deferred: each answer that has come
// meanwhile goes out with the same write, and a look costs a tenth of a write.
void EventLoop::look_again() {
  int handled = event_count_;
  for (int looks = 0; looks < kMoreLooks && !deferred_.empty(); ++looks) {
    if (event_count_ <= 0 || handled >= kBatch || hurry_) break;
    dispatch(0);
    handled += event_count_;
  }
}

void EventLoop::run() {
  while (!stopping_) {
    dispatch(deferred_.empty() ? static_cast<int>(timers_.until_next(now_).count()) : 0);
    look_again();
    timers_.expire(now_);
    if (!deferred_.empty()) run_deferred();
    if (std::exchange(mail_, false)) run_posted();
  }
}

}  // namespace cutwater::net
