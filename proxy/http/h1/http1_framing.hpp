// Puts body bytes into the framing an HTTP/1 message uses: as they are, or as one chunk (RFC 9112
// 7.1) with the trailers behind the last one. Both sides of the proxy write bodies with it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "proxy/http/h1/chunked.hpp"
#include "proxy/http/header_rules.hpp"
#include "proxy/http/trailers.hpp"
#include "proxy/net/send_queue.hpp"

namespace cutwater::http {

class BodyFraming {
 public:
  void start(bool chunked) { chunked_ = chunked; }
  bool chunked() const { return chunked_; }

  // The message is over or given up, so no piece of it is sent any more.
  void release() { std::string().swap(end_); }

  // Queues `chunk`; the bytes are not copied, but the trailers are.
  void add(const BodyChunk& chunk, net::SendQueue& out) {
    for (const std::string_view piece : pieces(chunk)) out.add(piece);
  }

  // Queues a head and the body bytes that go with it. A small body is copied behind its head: one
  // contiguous piece costs the kernel less than two.
  void add_with_head(HeadWriter& head, const BodyChunk& chunk, net::SendQueue& out) {
    const auto body = pieces(chunk);
    const bool copy = chunk.data.size() <= kCopyUpTo && !chunk.trailers &&
                      head.room() > kCopyUpTo + kFramingBytes;
    if (copy)
      for (const std::string_view piece : body) head.put(piece);
    out.add_head(head.text());
    if (!copy)
      for (const std::string_view piece : body) out.add(piece);
  }

 private:
  static constexpr std::size_t kCopyUpTo = 2048;
  static constexpr std::size_t kFramingBytes = 64;
  static constexpr std::size_t kCrlf = 2;

  std::array<std::string_view, 3> pieces(const BodyChunk& chunk) {
    const std::string_view data(chunk.data.data(), chunk.data.size());
    if (!chunked_) return {data, {}, {}};
    if (data.empty()) return {end_of(chunk).substr(kCrlf), {}, {}};
    return {format_chunk_header(data.size(), header_), data, end_of(chunk)};
  }

  // Returns what stands behind the bytes of a chunk.
  std::string_view end_of(const BodyChunk& chunk) {
    if (!chunk.end_stream) return "\r\n";
    if (!chunk.trailers) return "\r\n0\r\n\r\n";
    end_.assign("\r\n0\r\n");
    append_trailers(*chunk.trailers, end_);
    return end_;
  }

  bool chunked_ = false;
  std::array<char, 24> header_;
  std::string end_;  // with trailers
};

}  // namespace cutwater::http
