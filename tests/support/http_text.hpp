// Reads HTTP/1 messages as a test sees them on the wire. It parses leniently on purpose: the test
// judges what the proxy sends, not this reader.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/tcp_stream.hpp"

namespace cutwater::test {

struct Head {
  std::string raw;         // with the empty line
  std::string start_line;  // without CRLF
  std::vector<std::pair<std::string, std::string>> fields;

  // Returns the values of all fields with this name (any case), joined by ", "; nullopt if there is
  // none.
  std::optional<std::string> field(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

Head parse_head(std::string_view raw);

// Reads messages from a stream; keeps what belongs to the next one.
class MessageReader {
 public:
  explicit MessageReader(TcpStream& stream) : stream_(stream) {}

  // Returns the next head; nullopt if the peer ends before its first byte. Ending inside it is a
  // failure.
  std::optional<Head> read_head(std::chrono::milliseconds within = kPatience);
  // Reads a body by Content-Length, chunked (decoded), or none. Returns nullopt if the peer ends
  // inside it.
  std::optional<std::string> read_body(const Head& head,
                                       std::chrono::milliseconds within = kPatience);
  // Reads one chunk, decoded; it is empty for the last one. Returns nullopt if the peer ends inside
  // it.
  std::optional<std::string> read_chunk(std::chrono::milliseconds within = kPatience);
  std::optional<std::string> read_exactly(std::size_t bytes,
                                          std::chrono::milliseconds within = kPatience);
  // Returns everything up to the end, and how it ended.
  std::pair<std::string, TcpStream::End> read_to_end(std::chrono::milliseconds within = kPatience);

  // Returns what stood behind the last chunked body that was read.
  const Head& trailers() const { return trailers_; }

  const std::string& buffered() const { return buffer_; }
  // Returns the bytes of the messages read so far, as they came.
  std::size_t consumed() const { return consumed_; }

 private:
  bool fill(std::chrono::milliseconds within);
  std::string take(std::size_t bytes);
  std::optional<std::string> read_line(std::chrono::milliseconds within);

  TcpStream& stream_;
  std::string buffer_;
  std::size_t consumed_ = 0;
  Head trailers_;
};

}  // namespace cutwater::test
