// Tests response heads from upstreams: what is refused (U06..U08, U17) and what is read.
#include "codec_support.hpp"

namespace cutwater::http::test {
namespace {

using namespace std::string_literals;

const std::string kOk = "HTTP/1.1 200 OK\r\n";

struct Row {
  std::string id;
  std::string input;
  BadHead bad = BadHead::None;
  Method method = Method::Get;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.id;
}

std::vector<Row> rows() {
  using enum BadHead;
  const std::string te = "Transfer-Encoding: ";
  const std::string cl = "Content-Length: ";
  return {
      {"plain", kOk + cl + "5\r\n\r\n"},
      {"no_reason", "HTTP/1.1 200 \r\n\r\n"},
      {"no_reason_no_space", "HTTP/1.1 200\r\n\r\n"},
      {"minor_9", "HTTP/1.9 200 OK\r\n\r\n"},
      {"blank_before_colon", kOk + "X : y\r\n\r\n"},
      {"obs_text_reason", "HTTP/1.1 200 \xc3\xa9\r\n\r\n"},
      {"http2", "HTTP/2 200\r\n\r\n", Version},
      {"http20", "HTTP/2.0 200 OK\r\n\r\n", Version},
      {"http09", "hello\r\n\r\n", Version},
      {"lower_case", "http/1.1 200 OK\r\n\r\n", Version},
      {"two_spaces", "HTTP/1.1  200 OK\r\n\r\n", Status},
      {"status_of_two", "HTTP/1.1 20 OK\r\n\r\n", Status},
      {"status_of_four", "HTTP/1.1 2000 OK\r\n\r\n", Status},
      {"status_099", "HTTP/1.1 099 OK\r\n\r\n", Status},
      {"status_600", "HTTP/1.1 600 OK\r\n\r\n", Status},
      {"status_sign", "HTTP/1.1 +20 OK\r\n\r\n", Status},
      {"leading_empty_line", "\r\n" + kOk + "\r\n", StartLine},
      {"tab_after_version", "HTTP/1.1\t200 OK\r\n\r\n", StartLine},
      {"obs_fold", kOk + "X: a\r\n b\r\n\r\n", ObsFold},
      {"bare_lf", "HTTP/1.1 200 OK\n\n", BareLf},
      {"U06_length_and_chunked", kOk + cl + "5\r\n" + te + "chunked\r\n\r\n", Framing},
      {"U06_chunked_http10", "HTTP/1.0 200 OK\r\n" + te + "chunked\r\n\r\n", Framing},
      {"U06_gzip_chunked", kOk + te + "gzip, chunked\r\n\r\n", TransferEncoding},
      {"U06_identity", kOk + te + "identity\r\n\r\n", TransferEncoding},
      {"U06_chunked_twice", kOk + te + "chunked\r\n" + te + "chunked\r\n\r\n", TransferEncoding},
      {"U06_hidden_by_blank", kOk + "Transfer-Encoding : chunked\r\n" + cl + "5\r\n\r\n", Framing},
      {"U06_length_and_chunked_to_head", kOk + cl + "5\r\n" + te + "chunked\r\n\r\n", Framing,
       Method::Head},
      {"U07_two_lengths", kOk + cl + "5\r\n" + cl + "6\r\n\r\n", ContentLength},
      {"U07_two_equal_lengths", kOk + cl + "5\r\n" + cl + "5\r\n\r\n", ContentLength},
      {"U07_length_list", kOk + cl + "5, 5\r\n\r\n", ContentLength},
      {"U07_negative", kOk + cl + "-5\r\n\r\n", ContentLength},
      {"U07_empty", kOk + "Content-Length:\r\n\r\n", ContentLength},
      {"U07_huge", kOk + cl + "9223372036854775808\r\n\r\n", ContentLength},
      {"U07_invalid_to_head", kOk + cl + "x\r\n\r\n", ContentLength, Method::Head},
      {"U08_cr_in_value", kOk + "X: a\rSet-Cookie: b\r\n\r\n", BareCr},
      {"U08_lf_in_value", kOk + "X: a\nSet-Cookie: b\r\n\r\n", BareLf},
      {"U08_nul_in_value", kOk + "X: a\0b\r\n\r\n"s, Nul},
      {"U08_cr_in_reason", "HTTP/1.1 200 O\rK\r\n\r\n", StartLine},
      {"U11_interim_with_length", "HTTP/1.1 103 Early Hints\r\n" + cl + "5\r\n\r\n", Framing},
      {"U11_interim_chunked", "HTTP/1.1 100 Continue\r\n" + te + "chunked\r\n\r\n", Framing},
      {"U17_70_kib", kOk + "X: " + std::string(70 * 1024, 'x') + "\r\n\r\n", HeadTooLarge},
      {"U17_1000_fields", kOk + repeat("A: b\r\n", 1000) + "\r\n", TooManyFields},
      {"U17_16_kib_reason", "HTTP/1.1 200 " + std::string(16 * 1024, 'x') + "\r\n\r\n",
       TargetTooLong},
  };
}

class CodecResponseRows : public testing::TestWithParam<Row> {};

TEST_P(CodecResponseRows, SameVerdictHoweverItArrives) {
  const Row& row = GetParam();
  const Answer answer = read_every_way(ResponseReader{{}, row.method}, row.input);
  EXPECT_EQ(to_string(answer.bad), to_string(row.bad));
  EXPECT_EQ(answer.kind,
            row.bad == BadHead::None ? ParseState::Kind::Complete : ParseState::Kind::Bad);
}
std::string name_of(const testing::TestParamInfo<Row>& row) {
  return row.param.id;
}
INSTANTIATE_TEST_SUITE_P(Upstream, CodecResponseRows, testing::ValuesIn(rows()), name_of);

struct FramingCase {
  std::string what;
  std::string head;
  Method method;
  Framing framing;
  bool keep_alive;
};
TEST(CodecResponseHead, TheBodyIsFramedAsRfc9112Section63Says) {
  const std::string length = "Content-Length: 5\r\n\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<FramingCase> cases = {
      {"length", kOk + length, Method::Get, Framing::Length, true},
      {"chunked", kOk + chunked, Method::Get, Framing::Chunked, true},
      {"neither", kOk + "\r\n", Method::Get, Framing::UntilClose, false},
      {"length, close", kOk + "Connection: close\r\n" + length, Method::Get, Framing::Length,
       false},
      {"1.0 length", "HTTP/1.0 200 OK\r\n" + length, Method::Get, Framing::Length, false},
      {"1.0 asking", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + length, Method::Get,
       Framing::Length, true},
      {"HEAD", kOk + length, Method::Head, Framing::None, true},
      {"HEAD chunked", kOk + chunked, Method::Head, Framing::None, true},
      {"HEAD bare", kOk + "\r\n", Method::Head, Framing::None, true},
      {"304", "HTTP/1.1 304 Not Modified\r\n" + length, Method::Get, Framing::None, true},
      {"204", "HTTP/1.1 204 No Content\r\n\r\n", Method::Get, Framing::None, true},
      {"204 with a body", "HTTP/1.1 204 No Content\r\n" + length, Method::Get, Framing::None,
       false},
      {"100", "HTTP/1.1 100 Continue\r\n\r\n", Method::Post, Framing::None, true},
      {"bad Connection", kOk + "Connection: a b\r\n" + length, Method::Get, Framing::Length, false},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_response(c.head, c.method);
    ASSERT_EQ(parsed.state.kind, ParseState::Kind::Complete) << c.what;
    EXPECT_EQ(parsed.head.framing, c.framing) << c.what;
    EXPECT_EQ(parsed.head.keep_alive, c.keep_alive) << c.what;
    if (c.framing == Framing::Length) {
      EXPECT_EQ(parsed.head.content_length, 5U) << c.what;
    }
  }
}

TEST(CodecResponseHead, TheProtocolSwitchedToIsKeptWith101Only) {
  const std::string fields = " X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(parse_response("HTTP/1.1 101" + fields).head.upgrade, "websocket");
  EXPECT_EQ(parse_response("HTTP/1.1 426" + fields).head.upgrade, "");
}

}  // namespace
}  // namespace cutwater::http::test
