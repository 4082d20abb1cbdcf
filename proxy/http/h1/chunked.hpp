// Decodes and writes the chunked transfer coding, RFC 9112 7.1, sans-I/O. It is strict: sizes are
// 1*HEXDIG, lines end in CRLF, extensions follow their grammar, are bounded and dropped, trailers
// bounded and kept. Nothing is allocated without trailers. There is one object per message body,
// owned by the connection; call reset() for the next message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/http/message.hpp"

namespace cutwater::http {

struct ChunkLimits {
  std::size_t line_bytes = 256;        // chunk size, extensions and CR of one chunk
  std::size_t extension_bytes = 1024;  // per message
  std::size_t trailer_bytes = 16 * 1024;
  std::size_t trailer_fields = 100;
};

class ChunkDecoder {
 public:
  explicit ChunkDecoder(const ChunkLimits& limits = {}) : limits_(limits) {}

  struct Output {
    std::size_t consumed = 0;  // bytes of input used up
    std::size_t offset = 0;    // where the body begins; always 0 after decode_in_place
    std::size_t body = 0;      // bytes of body standing at `offset`
    bool done = false;         // the last chunk and the trailer section have been seen
    bool bad = false;          // the framing is broken: the connection must not be used again
  };
  // Decodes as much of `buffer` as possible IN PLACE: body bytes are moved to the front, which
  // closes the gaps left by chunk headers. Input behind `consumed` is untouched (pipelined bytes).
  // Incomplete chunk lines are consumed into the decoder's own state.
  Output decode_in_place(std::span<char> buffer);
  // Decodes likewise, but the first run of body bytes stays where it is (Output::offset) and later
  // runs are moved up behind it: nothing moves when the buffer holds one chunk, the usual case.
  Output decode(std::span<char> buffer);

  // Once done, returns the trailer fields that may go on, as they came; nullptr if there were none.
  FieldList* trailers() { return trailers_ ? &trailers_->fields : nullptr; }
  void drop_trailers() { trailers_.reset(); }

  void reset();

 private:
  enum class State : std::uint8_t {
    Size,
    ExtensionStart,  // behind ';'
    ExtensionName,
    ExtensionNamePadded,  // blanks behind it
    ExtensionEquals,
    ExtensionToken,
    ExtensionQuoted,
    ExtensionEscape,  // behind a backslash in quotes
    ExtensionValued,  // behind the closing quote
    ExtensionValuePadded,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
    Bad,
  };
  State step(char c);
  State on_size(char c);
  State on_extension(char c);
  State behind_extension(char c) const;
  State on_trailer(char c);
  State on_trailer_line(char c);
  State end_trailers();

  ChunkLimits limits_;
  State state_ = State::Size;
  std::uint64_t left_ = 0;
  unsigned digits_ = 0;
  std::size_t line_ = 0;       // bytes of the current chunk line
  std::size_t extension_ = 0;  // bytes of extensions in this message
  std::size_t trailer_ = 0;    // bytes of the trailer section
  std::size_t trailer_fields_ = 0;
  struct Trailers {
    std::string lines;
    FieldList fields;  // views into `lines`
  };
  std::unique_ptr<Trailers> trailers_;
};

// Writes "1a2b\r\n" for a chunk of `size` bytes into `out`; returns the text.
std::string_view format_chunk_header(std::size_t size, std::array<char, 24>& out);

}  // namespace cutwater::http
