// Feeds the codec in every way the network can deliver the same bytes, for the codec's tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/h1/chunked.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/header_rules.hpp"

namespace cutwater::http::test {

// Holds a verdict with everything in it that must not depend on how the bytes arrived.
struct Answer {
  ParseState::Kind kind = ParseState::Kind::NeedMore;
  int status = 0;
  BadHead bad = BadHead::None;
  std::size_t head_bytes = 0;
  std::string reading;  // the head as understood
  bool operator==(const Answer&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Answer& a) {
  return out << "kind " << static_cast<int>(a.kind) << " status " << a.status << " bad "
             << to_string(a.bad) << " bytes " << a.head_bytes << "\n"
             << a.reading;
}

template <typename Head>
std::string describe_common(const Head& head) {
  std::string text = "framing " + std::to_string(static_cast<int>(head.framing)) + " length " +
                     std::to_string(head.content_length) + " keep " +
                     std::to_string(head.keep_alive) + " upgrade " + std::string(head.upgrade) +
                     "\n";
  for (const Field& field : head.fields)
    text.append(field.name).append("=").append(field.value).append("\n");
  return text;
}

inline std::string describe(const RequestHead& head) {
  std::string text;
  for (std::string_view part :
       {head.method_text, head.target, head.path, head.query, head.authority, head.host})
    text.append(part).append("|");
  return text + std::to_string(head.minor_version) + (head.expect_continue ? "E" : "") + "\n" +
         describe_common(head);
}
inline std::string describe(const ResponseHead& head) {
  return std::to_string(head.status) + " " + std::string(head.reason) + "\n" +
         describe_common(head);
}

// Parses what arrives at the given prefix lengths of `input`, in that order, until a verdict.
class RequestReader {
 public:
  HeadLimits limits;
  Answer read(std::string_view input, const std::vector<std::size_t>& arrivals) const {
    HeadScanner scanner;
    RequestHead head;
    for (std::size_t size : arrivals) {
      const ParseState state = scanner.parse_request({input.data(), size}, limits, head);
      if (state.kind == ParseState::Kind::NeedMore) continue;
      if (state.kind == ParseState::Kind::Bad) return {state.kind, state.status, state.bad, 0, ""};
      return {state.kind, 0, state.bad, state.head_bytes, describe(head)};
    }
    return {};
  }
};

class ResponseReader {
 public:
  HeadLimits limits;
  Method method = Method::Get;
  Answer read(std::string_view input, const std::vector<std::size_t>& arrivals) const {
    HeadScanner scanner;
    ResponseHead head;
    for (std::size_t size : arrivals) {
      const ParseState state = scanner.parse_response({input.data(), size}, limits, method, head);
      if (state.kind == ParseState::Kind::NeedMore) continue;
      if (state.kind == ParseState::Kind::Bad) return {state.kind, 0, state.bad, 0, ""};
      return {state.kind, 0, state.bad, state.head_bytes, describe(head)};
    }
    return {};
  }
};

// Reads the input as a whole, byte by byte and cut in two at every point (long inputs: at some
// hundred points); all readings must agree.
template <typename Reader>
Answer read_every_way(const Reader& reader, std::string_view input) {
  const Answer whole = reader.read(input, {input.size()});
  std::vector<std::size_t> bytes;
  for (std::size_t i = 1; i <= input.size(); ++i) bytes.push_back(i);
  EXPECT_EQ(whole, reader.read(input, bytes)) << "byte by byte";
  const std::size_t step = 1 + input.size() / 600;
  for (std::size_t cut = 1; cut < input.size(); cut += step) {
    const Answer cut_in_two = reader.read(input, {cut, input.size()});
    EXPECT_EQ(whole, cut_in_two) << "cut at " << cut;
    if (!(whole == cut_in_two)) break;
  }
  return whole;
}

// Holds a head parsed from a text, which it keeps alive.
template <typename Head>
struct Parsed {
  std::unique_ptr<std::string> text;
  ParseState state;
  Head head;
};
inline Parsed<RequestHead> parse_request(std::string text) {
  Parsed<RequestHead> parsed{std::make_unique<std::string>(std::move(text)), {}, {}};
  HeadScanner scanner;
  parsed.state = scanner.parse_request(*parsed.text, {}, parsed.head);
  return parsed;
}
inline Parsed<ResponseHead> parse_response(std::string text, Method method = Method::Get) {
  Parsed<ResponseHead> parsed{std::make_unique<std::string>(std::move(text)), {}, {}};
  HeadScanner scanner;
  parsed.state = scanner.parse_response(*parsed.text, {}, method, parsed.head);
  return parsed;
}

inline std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace cutwater::http::test
