// Provides streams without sockets: a body to read and a place to write, each always ready, or
// waiting until the test says so. They serve the pumps, which know nothing but the stream
// interface.
#pragma once

#include <deque>
#include <string>

#include "proxy/http/stream.hpp"
#include "proxy/net/event_loop.hpp"

namespace cutwater::test {

// Waits like a promise: the coroutine that awaits it goes on when the test opens the gate.
class Gate {
 public:
  void open() {
    open_ = true;
    if (waiter_) std::exchange(waiter_, nullptr).resume();
  }
  auto pass() {
    struct Awaiter {
      Gate* gate;
      bool await_ready() const noexcept { return gate->open_; }
      void await_suspend(std::coroutine_handle<> handle) const noexcept { gate->waiter_ = handle; }
      void await_resume() const noexcept {}
    };
    return Awaiter{this};
  }

 private:
  bool open_ = false;
  std::coroutine_handle<> waiter_;
};

// Does what both fakes do: gives out `chunks`, then the end or `error`; keeps what is written.
struct FakeSide {
  std::deque<std::string> chunks;
  bool endless = false;        // repeats its first chunk
  std::optional<Error> error;  // given instead of the end
  bool ready = true;           // if false, reads wait at the gate first
  Gate gate;
  std::string written;
  std::size_t writes = 0;
  bool ended = false;
  std::optional<Error> write_error;
  std::string current;

  Result<net::Flow> try_read(http::BodyChunk& chunk) {
    if (!ready) return net::Flow::Blocked;
    if (endless) {
      chunk = {chunks.front(), false};
      return net::Flow::Done;
    }
    if (chunks.empty()) {
      if (error) return *error;
      chunk = {{}, true};
      return net::Flow::Done;
    }
    current = std::move(chunks.front());
    chunks.pop_front();
    chunk = {current, chunks.empty() && !error};
    return net::Flow::Done;
  }
  Task<Result<http::BodyChunk>> read() {
    co_await gate.pass();
    ready = true;
    http::BodyChunk chunk;
    const auto flow = try_read(chunk);
    if (!flow) co_return flow.error();
    co_return chunk;
  }
  Result<net::Flow> write(http::BodyChunk chunk) {
    if (write_error) return *write_error;
    ++writes;
    if (!endless) written.append(chunk.data.data(), chunk.data.size());
    ended = ended || chunk.end_stream;
    return net::Flow::Done;
  }
};

class FakeDownstream final : public http::DownstreamStream {
 public:
  FakeSide side;
  bool was_reset = false;

  const http::RequestHead& head() const override { return head_; }
  const http::ClientInfo& client() const override { return client_; }
  std::string_view protocol() const override { return "HTTP/1.1"; }
  Result<net::Flow> try_read_body(http::BodyChunk& chunk) override { return side.try_read(chunk); }
  Task<Result<http::BodyChunk>> read_body() override { return side.read(); }
  Result<net::Flow> write_informational(const http::ResponseHead&) override {
    return net::Flow::Done;
  }
  Result<net::Flow> write_head(const http::ResponseHead&, http::ResponseExtras,
                               http::BodyChunk first) override {
    return side.write(first);
  }
  Result<net::Flow> write_body(http::BodyChunk chunk) override { return side.write(chunk); }
  Task<Result<void>> flush() override { co_return Result<void>(); }
  Task<Result<void>> reply_locally(int, std::string_view, std::string_view) override {
    co_return Result<void>();
  }
  void become_tunnel(Nanoseconds) override {}
  void reset() override { was_reset = true; }
  void cancel_read() override {}
  void cancel() override {}
  void on_gone(void (*)(void*), void*) override {}
  bool request_complete() const override { return side.chunks.empty(); }
  std::uint64_t bytes_received() const override { return 0; }
  std::uint64_t bytes_sent() const override { return side.written.size(); }

 private:
  http::RequestHead head_;
  http::ClientInfo client_;
};

class FakeUpstreamStream final : public http::UpstreamStream {
 public:
  FakeSide side;
  bool cancelled = false;

  Result<net::Flow> write_head(const http::RequestHead&, const http::ForwardInfo&,
                               http::BodyChunk first) override {
    return side.write(first);
  }
  Result<net::Flow> write_body(http::BodyChunk chunk) override { return side.write(chunk); }
  Task<Result<void>> flush() override { co_return Result<void>(); }
  Task<Result<const http::ResponseHead*>> read_head(TimePoint) override { co_return &head_; }
  Result<net::Flow> try_read_body(http::BodyChunk& chunk) override { return side.try_read(chunk); }
  Task<Result<http::BodyChunk>> read_body(TimePoint) override { return side.read(); }
  void become_tunnel(Nanoseconds) override {}
  void cancel() override { cancelled = true; }
  void cancel_write() override {}
  bool reused() const override { return false; }
  bool response_started() const override { return false; }

 private:
  http::ResponseHead head_;
};

}  // namespace cutwater::test
