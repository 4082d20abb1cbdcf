// Holds what one message still has to send: at most a few pieces, which mostly leave in a single
// system call. Pieces are views; the caller keeps them alive until send() or flush() says Done,
// except the head text, which lives in the worker's scratch memory and is copied if the socket
// blocks.
#pragma once

#include <array>
#include <string_view>

#include "proxy/base/task.hpp"
#include "proxy/net/block_pool.hpp"
#include "proxy/net/transport.hpp"

namespace cutwater::net {

enum class Flow : std::uint8_t { Done, Blocked };

class SendQueue {
 public:
  SendQueue(Transport& socket, BlockPool& blocks, Side side)
      : socket_(socket), blocks_(blocks), side_(side) {}

  bool empty() const { return count_ == 0; }
  void add_head(std::string_view scratch_text);  // first piece, at most one per message
  void add(std::string_view piece);
  // Sends what the socket takes now.
  Result<Flow> send();
  // Sends the rest. The peer must take something within every `stall`.
  Task<Result<void>> flush(Nanoseconds stall);

  std::uint64_t bytes_sent() const { return bytes_sent_; }
  void reset_count() { bytes_sent_ = 0; }

 private:
  void consume(std::size_t bytes);

  static constexpr std::size_t kPieces = 5;
  Transport& socket_;
  BlockPool& blocks_;
  const Side side_;
  std::array<iovec, kPieces> pieces_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool scratch_head_ = false;
  Block copy_;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace cutwater::net
