// Represents a non-blocking stream socket in an EventLoop. Reading and writing are plain calls that
// never wait; waiting for readiness is a separate await with a deadline. A waiting socket holds no
// buffer. Only the loop's thread uses it. At most one reader and one writer wait at a time.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <coroutine>
#include <span>

#include "proxy/base/error.hpp"
#include "proxy/net/event_loop.hpp"

namespace cutwater::net {

enum class Wait : std::uint8_t { Ready, Timeout, Cancelled };

struct IoResult {
  enum class Kind : std::uint8_t { Done, WouldBlock, Eof, Failed };
  Kind kind;
  std::size_t bytes = 0;
};

class Socket final : public Descriptor {
 public:
  // Says what should happen when the socket stirs while nobody waits on it.
  class Watcher {
   public:
    // The socket was idle in a pool, and data, FIN or RST came, or `watch_until` passed. The call
    // may destroy the socket.
    virtual void on_idle_event() = 0;

   protected:
    ~Watcher() = default;
  };

  enum class State : std::uint8_t { Connected, Connecting };
  // Takes the fd, which must be non-blocking, and registers it. For a connecting socket, writable()
  // says when it is connected.
  Socket(EventLoop& loop, int fd, State state = State::Connected);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  EventLoop& loop() { return loop_; }

  // --- I/O that never waits -----------------------------------------------------------------
  IoResult try_read(std::span<char> buffer);
  IoResult try_write(std::span<const iovec> pieces);
  IoResult try_write(std::span<const char> bytes) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return try_write(std::span(&piece, 1));
  }
  // Reads without taking. Returns Done only if more than `known` bytes are there, WouldBlock while
  // more may come, Eof when the peer has closed behind `known`. skip() then takes what was looked
  // at.
  IoResult try_peek(std::span<char> buffer, std::size_t known);
  void skip(std::size_t bytes);
  // Says whether bytes wait to be read. It costs a system call, so it is not for the hot path.
  bool has_input() const;
  void shutdown_write();
  // Sends RST instead of FIN, for a peer that must not take a truncated body for a complete one.
  void close_with_reset();
  void close();

  // --- waiting ------------------------------------------------------------------------------
  struct WaitAwaiter {
    Socket* socket;
    TimePoint deadline;
    bool writing;
    bool await_ready() const noexcept;
    void await_suspend(std::coroutine_handle<> handle);
    Wait await_resume();
  };
  WaitAwaiter readable(TimePoint deadline) { return {this, deadline, false}; }
  WaitAwaiter writable(TimePoint deadline) { return {this, deadline, true}; }

  // Wakes the waiting reader (writer) with Wait::Cancelled, and every later one until the
  // cancellation is cleared. The waiter runs from the loop, not inside this call.
  void cancel_read() { cancel(read_); }
  void cancel_write() { cancel(write_); }
  void clear_cancel() { read_.cancelled = write_.cancelled = false; }

  // Sets the watcher of a pooled socket: no coroutine waits, and any event or the deadline calls
  // the watcher.
  void watch(Watcher* watcher, TimePoint until);
  void unwatch();

  // Called when the peer resets or the connection fails while nobody reads; nullptr switches it
  // off.
  using Broken = void (*)(void*);
  void on_broken(Broken callback, void* context) {
    broken_callback_ = callback;
    broken_context_ = context;
  }

  // Called once, when the peer ends its direction of the connection while nobody reads; nullptr
  // switches it off. The peer may still read.
  void on_half_closed(Broken callback, void* context) {
    half_closed_callback_ = callback;
    half_closed_context_ = context;
  }

  bool might_be_readable() const { return read_.ready; }
  // A reader has to write first, or a writer to read (TLS): the next edge of one direction wakes
  // the other, too.
  void read_when_writable() {
    read_.ready = false;
    read_on_write_ = true;
  }
  void write_when_readable() {
    write_.ready = false;
    write_on_read_ = true;
  }
  bool broken() const { return broken_; }

  void on_events(std::uint32_t events) override;

 private:
  struct Direction {
    bool ready = false;
    bool cancelled = false;
    Wait result = Wait::Ready;
    std::coroutine_handle<> waiter;
    Timer timer;
    explicit Direction(void* owner, Timer::Fire fire) : timer(owner, fire) {}
  };
  static void on_read_timeout(void* self);
  static void on_write_timeout(void* self);
  void wake(Direction& direction, Wait result);
  void cancel(Direction& direction);

  EventLoop& loop_;
  int fd_;
  bool half_closed_ = false;  // EPOLLRDHUP was seen: a read will not block
  bool broken_ = false;
  bool read_on_write_ = false;
  bool write_on_read_ = false;
  bool output_watched_ = false;  // EPOLLOUT is watched from the first write that finds no room
  Direction read_;
  Direction write_;
  Watcher* watcher_ = nullptr;
  Broken broken_callback_ = nullptr;
  void* broken_context_ = nullptr;
  Broken half_closed_callback_ = nullptr;
  void* half_closed_context_ = nullptr;
};

}  // namespace cutwater::net
