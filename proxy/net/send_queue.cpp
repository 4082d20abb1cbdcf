#include "proxy/net/send_queue.hpp"

#include <cassert>
#include <cstring>

namespace cutwater::net {

void SendQueue::add_head(std::string_view scratch_text) {
  assert(count_ == 0);
  add(scratch_text);
  scratch_head_ = true;
}

void SendQueue::add(std::string_view piece) {
  if (piece.empty()) return;
  assert(first_ + count_ < kPieces);
  pieces_[first_ + count_++] = {const_cast<char*>(piece.data()), piece.size()};
}

void SendQueue::consume(std::size_t bytes) {
  bytes_sent_ += bytes;
  while (count_ > 0 && bytes >= pieces_[first_].iov_len) {
    bytes -= pieces_[first_].iov_len;
    ++first_;
    --count_;
    scratch_head_ = false;
  }
  if (count_ == 0) {
    first_ = 0;
    copy_.release();
  } else if (bytes > 0) {
    pieces_[first_].iov_base = static_cast<char*>(pieces_[first_].iov_base) + bytes;
    pieces_[first_].iov_len -= bytes;
  }
}

Result<Flow> SendQueue::send() {
  while (count_ > 0) {
    const IoResult sent = socket_.try_write(std::span(&pieces_[first_], count_));
    if (sent.kind == IoResult::Kind::Done) {
      consume(sent.bytes);
      continue;
    }
    if (sent.kind == IoResult::Kind::Failed) return Error{Errc::Reset, side_};
    if (scratch_head_) {
      copy_ = blocks_.borrow();
      iovec& head = pieces_[first_];
      assert(head.iov_len <= copy_.size());
      std::memcpy(copy_.data(), head.iov_base, head.iov_len);
      head.iov_base = copy_.data();
      scratch_head_ = false;
    }
    return Flow::Blocked;
  }
  return Flow::Done;
}

Task<Result<void>> SendQueue::flush(Nanoseconds stall) {
  while (count_ > 0) {
    const Wait wait = co_await socket_.writable(socket_.loop().now() + stall);
    if (wait == Wait::Timeout) co_return Error{Errc::Timeout, side_};
    if (wait == Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local};
    const Result<Flow> sent = send();
    if (!sent) co_return sent.error();
  }
  co_return Result<void>();
}

}  // namespace cutwater::net
