// Reads an HTTP/1 body from a socket: bytes already in the head's buffer first, then the socket.
// Both sides of the proxy use it, on the worker's thread.
#pragma once

#include "proxy/http/h1/chunked.hpp"
#include "proxy/http/stream.hpp"

namespace cutwater::http {

class Http1BodyReader {
 public:
  Http1BodyReader(net::Transport& socket, net::BlockPool& blocks, Side side)
      : socket_(socket), blocks_(blocks), side_(side) {}

  // Starts the body of `head`, a request or a response, which outlives this reader. `buffered` are
  // the bytes behind the head, in a buffer that outlives the body. `read_limit` is the most a
  // chunked body may read at once, so that what follows it (a pipelined request) fits where the
  // caller will put it.
  template <class Head>
  void start(const Head& head, std::span<char> buffered, std::size_t read_limit) {
    start(head.framing, head.content_length, buffered);
    read_limit_ = read_limit;
    connection_ = head.connection_names ? &head.fields : nullptr;
  }
  // Turns both directions into raw bytes until FIN.
  void become_raw() {
    framing_ = Framing::UntilClose;
    done_ = false;
  }

  Result<Flow> try_read(BodyChunk& chunk);
  // Returns the bytes that belong to the next message, once done(); they lie in the head's buffer
  // or in this block.
  std::span<char> leftover() const { return buffered_; }
  bool done() const { return done_; }
  std::uint64_t bytes() const { return bytes_; }
  void release() {
    block_.release();
    decoder_.drop_trailers();
  }

 private:
  void start(Framing framing, std::uint64_t length, std::span<char> buffered);
  Result<Flow> take(std::span<char> bytes, BodyChunk& chunk);
  const FieldList* trailers();

  net::Transport& socket_;
  net::BlockPool& blocks_;
  const Side side_;
  Framing framing_ = Framing::None;
  std::uint64_t left_ = 0;
  std::size_t read_limit_ = 0;
  bool done_ = true;
  std::uint64_t bytes_ = 0;
  ChunkDecoder decoder_;
  const FieldList* connection_ = nullptr;  // the head's fields, if Connection names any
  std::span<char> buffered_;
  net::Block block_;
};

}  // namespace cutwater::http
