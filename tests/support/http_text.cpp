#include "tests/support/http_text.hpp"

#include <strings.h>

#include <algorithm>

namespace cutwater::test {

namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<std::string> Head::field(std::string_view name) const {
  std::optional<std::string> joined;
  for (const auto& [key, value] : fields) {
    if (!same_name(key, name)) continue;
    joined = joined ? *joined + ", " + value : value;
  }
  return joined;
}

std::size_t Head::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(),
                    [&](const auto& field) { return same_name(field.first, name); }));
}

Head parse_head(std::string_view raw) {
  Head head;
  head.raw = raw;
  std::size_t end = raw.find("\r\n");
  head.start_line = raw.substr(0, end);
  while (end != raw.npos) {
    raw.remove_prefix(end + 2);
    end = raw.find("\r\n");
    const std::string_view line = raw.substr(0, end);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == line.npos) throw TestFailure("field without colon: " + std::string(line));
    head.fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return head;
}

bool MessageReader::fill(std::chrono::milliseconds within) {
  return stream_.receive(buffer_, within) == TcpStream::End::Open;
}

std::string MessageReader::take(std::size_t bytes) {
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  consumed_ += bytes;
  return taken;
}

std::optional<Head> MessageReader::read_head(std::chrono::milliseconds within) {
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (fill(within)) continue;
    if (buffer_.empty()) return std::nullopt;
    throw TestFailure("the peer ended inside a head: \"" + buffer_ + "\"");
  }
  return parse_head(take(end + 4));
}

std::optional<std::string> MessageReader::read_exactly(std::size_t bytes,
                                                       std::chrono::milliseconds within) {
  while (buffer_.size() < bytes)
    if (!fill(within)) return std::nullopt;
  return take(bytes);
}

std::optional<std::string> MessageReader::read_line(std::chrono::milliseconds within) {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos)
    if (!fill(within)) return std::nullopt;
  std::string line = take(end + 2);
  line.resize(end);
  return line;
}

std::optional<std::string> MessageReader::read_chunk(std::chrono::milliseconds within) {
  const auto size_line = read_line(within);
  if (!size_line) return std::nullopt;
  std::size_t digits = 0;
  std::size_t size = 0;
  try {
    size = std::stoull(*size_line, &digits, 16);
  } catch (const std::exception&) {
    throw TestFailure("not a chunk size: \"" + *size_line + "\"");
  }
  if (size == 0) {
    std::string lines = "\r\n";  // no start line
    for (;;) {
      const auto trailer = read_line(within);
      if (!trailer) return std::nullopt;
      lines += *trailer + "\r\n";
      if (!trailer->empty()) continue;
      trailers_ = parse_head(lines);
      return std::string();
    }
  }
  auto data = read_exactly(size, within);
  if (!data || !read_exactly(2, within)) return std::nullopt;
  return data;
}

std::optional<std::string> MessageReader::read_body(const Head& head,
                                                    std::chrono::milliseconds within) {
  if (head.field("Transfer-Encoding")) {
    std::string body;
    for (;;) {
      const auto chunk = read_chunk(within);
      if (!chunk) return std::nullopt;
      if (chunk->empty()) return body;
      body += *chunk;
    }
  }
  if (const auto length = head.field("Content-Length"))
    return read_exactly(std::stoull(*length), within);
  return std::string();
}

std::pair<std::string, TcpStream::End> MessageReader::read_to_end(
    std::chrono::milliseconds within) {
  for (;;) {
    const auto end = stream_.receive(buffer_, within);
    if (end != TcpStream::End::Open) return {take(buffer_.size()), end};
  }
}

}  // namespace cutwater::test
