// A response's header block for an HTTP/2 client: RFC 7541 without its table and without Huffman
// ("literal without indexing", 6.2.2; names of the static table by their number). Every encoder may
// choose so, and the block stands for itself: whether and when it is sent changes nothing for the
// ones behind it. It costs a copy, where a table and Huffman cost more than the rest of HTTP/2;
// see proxy/README.md, "decisions". Sans-I/O, bounded by the memory it is lent.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace cutwater::http {

class HpackWriter {
 public:
  explicit HpackWriter(std::span<char> out) : out_(out) {}

  // First of all: ":status". 100 to 999.
  void status(int code);
  // The name is made small on the way (RFC 9113 8.2); both must be legal (see is_legal_field). A
  // Set-Cookie is marked for hops behind us as never to be put into a table (RFC 7541 7.1.3).
  void field(std::string_view name, std::string_view value);
  void content_length(std::uint64_t bytes);

  // What does not fit is left out whole, and from then on nothing is written.
  bool overflow() const { return overflow_; }
  std::string_view block() const { return {out_.data(), used_}; }

 private:
  bool fits(std::size_t bytes);
  void number(std::uint8_t pattern, unsigned prefix_bits, std::size_t value);
  void text(std::string_view bytes);

  std::span<char> out_;
  std::size_t used_ = 0;
  bool overflow_ = false;
};

}  // namespace cutwater::http
