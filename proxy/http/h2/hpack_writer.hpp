// Writes the header block of a response for an HTTP/2 client (RFC 7541), without Huffman coding:
// common names by their number, and fields that the peer's table holds by theirs. Without a table
// the block stands for itself: it may be sent later, or not at all. The writer is sans-I/O and
// bounded by the memory it is lent.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/http/h2/hpack_table.hpp"

namespace cutwater::http {

class HpackWriter {
 public:
  // With a table the block must be sent, as a whole and before any other block of the connection.
  explicit HpackWriter(std::span<char> out, HpackTable* table = nullptr)
      : out_(out), table_(table) {}

  // Says how much room a field may take. A status takes no more than an empty field.
  static constexpr std::size_t most(std::string_view name, std::string_view value) {
    return 3 * kMostNumber + name.size() + value.size();
  }

  // Call it before the others: it writes ":status", 100 to 999.
  void status(int code);
  // The name is put into lower case on the way (RFC 9113 8.2); name and value must be legal (see
  // is_legal_field). A Set-Cookie is marked for the hops behind us as never to be put into a table
  // (RFC 7541 7.1.3).
  void field(std::string_view name, std::string_view value);
  void content_length(std::uint64_t bytes);

  // A field that does not fit is left out as a whole, and from then on nothing is written.
  bool overflow() const { return overflow_; }
  std::string_view block() const { return {out_.data(), used_}; }

 private:
  static constexpr std::size_t kMostNumber = 11;  // for 64 bits: RFC 7541 5.1
  bool fits(std::size_t bytes);
  void number(std::uint8_t pattern, unsigned prefix_bits, std::size_t value);
  void text(std::string_view bytes);

  std::span<char> out_;
  HpackTable* table_;
  std::size_t used_ = 0;
  bool overflow_ = false;
};

}  // namespace cutwater::http
