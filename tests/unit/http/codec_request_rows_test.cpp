// Tests rows S01..S49 and T01..T32 of tests/HARDENING.md, as far as a head decides them. Every
// input is read as a whole, byte by byte and cut at every point (S50).
#include "codec_support.hpp"

namespace cutwater::http::test {
namespace {

using namespace std::string_literals;

struct Row {
  std::string id;
  std::string input;
  int status = 0;  // 0 means accepted
  BadHead bad = BadHead::None;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.id;
}

const std::string kPost = "POST /p HTTP/1.1\r\nHost: a\r\n";
const std::string kGet = "GET /p HTTP/1.1\r\nHost: a\r\n";
const std::string kEnd = "\r\n";

Row post(std::string id, const std::string& fields, int status = 0, BadHead bad = BadHead::None) {
  return {std::move(id), kPost + fields + kEnd, status, bad};
}
Row get(std::string id, const std::string& fields, int status = 0, BadHead bad = BadHead::None) {
  return {std::move(id), kGet + fields + kEnd, status, bad};
}
// Makes a request with this whole Host line (or none).
Row host(std::string id, const std::string& line, int status = 400, BadHead bad = BadHead::Host) {
  return {std::move(id), "GET /p HTTP/1.1\r\n" + line + kEnd, status, bad};
}
Row target(std::string id, const std::string& text, int status = 400,
           BadHead bad = BadHead::Target) {
  return {std::move(id), "GET " + text + " HTTP/1.1\r\nHost: a\r\n\r\n", status, bad};
}
Row start(std::string id, const std::string& line, int status, BadHead bad) {
  return {std::move(id), line + "\r\nHost: a\r\n\r\n", status, bad};
}

std::vector<Row> framing_rows() {
  using enum BadHead;
  const std::string te = "Transfer-Encoding: ";
  const std::string cl = "Content-Length: ";
  return {
      post("S01_length_and_chunked", cl + "6\r\n" + te + "chunked\r\n", 400, Framing),
      post("S02_chunked_and_length", te + "chunked\r\n" + cl + "4\r\n", 400, Framing),
      post("S03_unknown_coding", te + "xchunked\r\n", 501, UnknownCoding),
      post("S03_empty_coding", te + "\r\n", 400, TransferEncoding),
      post("S03_quoted_coding", te + "\"chunked\"\r\n", 400, TransferEncoding),
      post("S03_vertical_tab",
           te + "\x0b"
                "chunked\r\n",
           400, FieldValue),
      post("S03_parameter", te + "chunked;q=1\r\n", 400, TransferEncoding),
      post("S04_identity_and_length", te + "identity\r\n" + cl + "5\r\n", 400, Framing),
      post("S07_gzip_chunked", te + "gzip, chunked\r\n", 501, UnknownCoding),
      post("S07_chunked_gzip", te + "chunked, gzip\r\n", 400, TransferEncoding),
      post("S07_chunked_chunked", te + "chunked, chunked\r\n", 400, TransferEncoding),
      post("S07_gzip_deflate", te + "gzip, deflate\r\n", 400, TransferEncoding),
      post("S07_trailing_comma", te + "chunked,\r\n", 400, TransferEncoding),
      post("S07_leading_comma", te + ",chunked\r\n", 400, TransferEncoding),
      post("S08_two_lines", te + "foo\r\n" + te + "chunked\r\n", 400, TransferEncoding),
      post("S08_two_lines_reversed", te + "chunked\r\n" + te + "foo\r\n", 400, TransferEncoding),
      post("S08_chunked_twice", te + "chunked\r\n" + te + "chunked\r\n", 400, TransferEncoding),
      post("S10_folded", "Transfer-Encoding:\r\n chunked\r\n", 400, ObsFold),
      post("S11_space_before_colon", "Transfer-Encoding : chunked\r\n", 400, FieldName),
      post("S11_tab_before_colon", "Transfer-Encoding\t: chunked\r\n", 400, FieldName),
      {"S12_http10_chunked", "POST /p HTTP/1.0\r\nHost: a\r\n" + te + "chunked\r\n\r\n", 400,
       Framing},
      post("S14_underscore_te", "Transfer_Encoding: chunked\r\n" + cl + "5\r\n"),
      post("S16_Chunked", te + "Chunked\r\n"),
      post("S16_cHuNkEd", te + "cHuNkEd\r\n"),
      post("S16_padded", "Transfer-Encoding:\t chunked \t\r\n"),
      post("S17_length_twice", cl + "5\r\n" + cl + "5\r\n", 400, ContentLength),
      post("S17_length_list", cl + "5, 5\r\n", 400, ContentLength),
      post("S18_lengths_differ", cl + "5\r\n" + cl + "6\r\n", 400, ContentLength),
      post("S20_plus", cl + "+5\r\n", 400, ContentLength),
      post("S20_minus", cl + "-1\r\n", 400, ContentLength),
      post("S20_hex", cl + "0x5\r\n", 400, ContentLength),
      post("S20_inner_space", cl + "5 5\r\n", 400, ContentLength),
      post("S20_exponent", cl + "5e0\r\n", 400, ContentLength),
      post("S20_leading_comma", cl + ",5\r\n", 400, ContentLength),
      post("S20_trailing_comma", cl + "5,\r\n", 400, ContentLength),
      post("S20_empty", "Content-Length:\r\n", 400, ContentLength),
      post("S20_arabic_digit", cl + "\xd9\xa5\r\n", 400, ContentLength),
      post("S22_two_to_64", cl + "18446744073709551616\r\n", 400, ContentLength),
      post("S22_two_to_64_less_1", cl + "18446744073709551615\r\n", 400, ContentLength),
      post("S22_two_to_63", cl + "9223372036854775808\r\n", 400, ContentLength),
      post("S22_two_to_63_less_1", cl + "9223372036854775807\r\n"),
      get("S40_get_with_length", cl + "40\r\n"),
      {"S40_options_with_length", "OPTIONS /p HTTP/1.1\r\nHost: a\r\n" + cl + "40\r\n\r\n", 0,
       None},
  };
}

// Expectations, upgrades and connection options: what changes how a message goes on.
std::vector<Row> connection_rows() {
  using enum BadHead;
  const std::string te = "Transfer-Encoding: ";
  const std::string cl = "Content-Length: ";
  return {
      get("S43_other_expectation", "Expect: 200-ok\r\n", 417, Expect),
      post("S43_mixed_expectation", "Expect: y 100-continue\r\n" + cl + "5\r\n", 417, Expect),
      post("S43_folded", "Expect:\r\n 100-continue\r\n" + cl + "5\r\n", 400, ObsFold),
      get("S43_without_body", "Expect: 100-continue\r\n"),
      {"S43_http10", "POST /p HTTP/1.0\r\nExpect: 200-ok\r\n" + cl + "5\r\n\r\n", 0, None},
      get("S45_upgrade_with_body", "Connection: Upgrade\r\nUpgrade: websocket\r\n" + cl + "5\r\n",
          400, Upgrade),
      get("S45_upgrade_with_chunked",
          "Connection: Upgrade\r\nUpgrade: websocket\r\n" + te + "chunked\r\n", 400, Upgrade),
      post("S45_tls_with_body", "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n" + cl + "5\r\n"),
      post("S45_other_with_chunked",
           "Connection: Upgrade\r\nUpgrade: h2c, spdy/3\r\n" + te + "chunked\r\n"),
      get("S45_broken_protocol", "Connection: Upgrade\r\nUpgrade: web socket\r\n", 400, Upgrade),
      get("S47_names_framing", "Connection: close, Content-Length\r\n" + cl + "5\r\n"),
      get("S47_no_token", "Connection: a b\r\n", 400, ConnectionHeader),
      get("S47_thousand_options", "Connection: " + repeat("x,", 1000) + "\r\n", 400,
          ConnectionHeader),
  };
}

std::vector<Row> line_rows() {
  using enum BadHead;
  return {
      {"T01_bare_lf_throughout", "GET /p HTTP/1.1\nHost: a\n\n", 400, BareLf},
      {"T02_bare_lf_in_one_field", kGet + "X: y\n\r\n", 400, BareLf},
      {"T02_bare_lf_ends_head", kGet + "\n", 400, BareLf},
      get("T03_bare_cr_in_value", "X: a\rb\r\n", 400, BareCr),
      get("T03_cr_cr_lf", "X: a\r\r\n", 400, BareCr),
      {"T03_bare_cr_in_start_line", "GET /p\r HTTP/1.1\r\nHost: a\r\n\r\n", 400, Target},
      get("T04_nul_in_value", "X: a\0b\r\n"s, 400, Nul),
      get("T04_nul_in_name", "X\0: b\r\n"s, 400, FieldName),
      get("T04_del_in_value", "X: a\x7f\r\n", 400, FieldValue),
      get("T04_escape_in_value", "X: 0123456789abcdef\x1b\r\n", 400, FieldValue),
      get("T06_obs_text", "X: \xff\xc3\xa9\r\n"),
      get("T06_tab_in_value", "X: a\tb\r\n"),
      get("T07_space_before_colon", "X : y\r\n", 400, FieldName),
      get("T08_obs_fold", "X: a\r\n b\r\n", 400, ObsFold),
      get("T08_obs_fold_tab", "X: a\r\n\tb\r\n", 400, ObsFold),
      {"T09_space_before_first_field", "GET /p HTTP/1.1\r\n Host: a\r\n\r\n", 400, StartLine},
      get("T11_no_colon", "XY\r\n", 400, FieldName),
      get("T11_empty_name", ": y\r\n", 400, FieldName),
      get("T11_separator_in_name", "X(y): z\r\n", 400, FieldName),
      get("T11_utf8_name", "X\xc3\xa9: z\r\n", 400, FieldName),
      start("T22_two_spaces", "GET  / HTTP/1.1", 400, StartLine),
      start("T22_two_spaces_before_version", "GET /  HTTP/1.1", 400, StartLine),
      start("T22_tabs", "GET\t/\tHTTP/1.1", 400, Method),
      start("T22_leading_space", " GET / HTTP/1.1", 400, StartLine),
      start("T22_trailing_space", "GET / HTTP/1.1 ", 400, StartLine),
      start("T22_http09", "GET /", 400, StartLine),
      start("T22_lower_case_version", "GET / http/1.1", 400, StartLine),
      start("T22_long_version", "GET / HTTP/1.10", 400, StartLine),
      start("T22_http12", "GET / HTTP/1.2", 505, Version),
      start("T22_http20", "GET / HTTP/2.0", 505, Version),
      {"T24_one_empty_line", "\r\n" + kGet + "\r\n", 0, None},
      {"T24_four_empty_lines", repeat("\r\n", 4) + kGet + "\r\n", 0, None},
      {"T24_five_empty_lines", repeat("\r\n", 5) + kGet + "\r\n", 400, TooManyEmptyLines},
      {"T24_thousand_empty_lines", repeat("\r\n", 1000), 400, TooManyEmptyLines},
      start("T25_connect", "CONNECT a:80 HTTP/1.1", 405, MethodNotAllowed),
      start("T26_trace", "TRACE / HTTP/1.1", 405, MethodNotAllowed),
      start("T28_lower_case_method", "get / HTTP/1.1", 0, None),
      start("T28_method_of_32", std::string(32, 'M') + " / HTTP/1.1", 0, None),
      start("T28_method_of_33", std::string(33, 'M') + " / HTTP/1.1", 501, Method),
      start("T28_method_no_token", "G@T / HTTP/1.1", 400, Method),
      {"T28_h2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, Version},
      {"T28_tls_hello", "\x16\x03\x01\x02\x00\x01", 400, StartLine},
      get("T29_100_fields", repeat("A: b\r\n", 99)),
      get("T29_101_fields", repeat("A: b\r\n", 100), 431, TooManyFields),
      get("T29_1000_fields", repeat("A: b\r\n", 1000), 431, TooManyFields),
      get("T29_17_kib", "X: " + std::string(17 * 1024, 'x') + "\r\n", 431, HeadTooLarge),
      get("T29_70_kib", "X: " + std::string(70 * 1024, 'x') + "\r\n", 431, HeadTooLarge),
      {"T29_70_kib_without_end", kGet + "X: " + std::string(70 * 1024, 'x'), 431, HeadTooLarge},
      target("T29_target_8_kib", "/" + std::string(8191, 'x'), 0, None),
      target("T29_target_8_kib_and_1", "/" + std::string(8192, 'x'), 414, TargetTooLong),
      target("T29_target_9_kib", "/" + std::string(9 * 1024, 'x'), 414, TargetTooLong),
      {"T29_target_without_end", "GET /" + std::string(20 * 1024, 'x'), 414, TargetTooLong},
      get("T32_via_many_times", "Via: 1.1 cutwater, 1.1 cutwater, 1.1 cutwater\r\n"),
      get("T32_eight_hops", "Cutwater-Hops: 8\r\n"),
      get("T32_nine_hops", "Cutwater-Hops: 9\r\n", 508, Loop),
      get("T32_nine_hops_in_a_list", "Cutwater-Hops: 1\r\ncutwater-hops: 2, 9\r\n", 508, Loop),
      get("T32_hops_without_end", "Cutwater-Hops: 99999999999999999\r\n", 508, Loop),
      {"T32_max_forwards_no_number", "OPTIONS /p HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n",
       400, FieldValue},
  };
}

std::vector<Row> host_and_target_rows() {
  using enum BadHead;
  std::vector<Row> rows = {
      host("T13_no_host", ""),
      host("T13_two_hosts", "Host: a\r\nHost: a\r\n"),
      {"T13_http10_no_host", "GET /p HTTP/1.0\r\n\r\n", 0, None},
      {"T13_http10_two_hosts", "GET /p HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, Host},
      host("T15_empty", "Host:\r\n"),
      host("T15_userinfo", "Host: u@a\r\n"),
      host("T15_slash", "Host: a/b\r\n"),
      host("T15_list", "Host: a, b\r\n"),
      host("T15_list_no_space", "Host: a,b\r\n"),
      host("T15_big_port", "Host: a:99999\r\n"),
      host("T15_port_65536", "Host: a:65536\r\n"),
      host("T15_hex_port", "Host: a:0x50\r\n"),
      host("T15_two_ports", "Host: a:80:80\r\n"),
      host("T15_open_bracket", "Host: [::1\r\n"),
      host("T15_no_address", "Host: []\r\n"),
      host("T15_bad_address", "Host: [::g]\r\n"),
      host("T15_zone", "Host: [fe80::1%25eth0]\r\n"),
      host("T15_after_bracket", "Host: [::1]a\r\n"),
      host("T15_space", "Host: a b\r\n"),
      host("T15_encoded_nul", "Host: a%00\r\n"),
      host("T15_only_port", "Host: :80\r\n"),
      host("T15_good_ipv6", "Host: [2001:db8::1]:8080\r\n", 0, None),
      host("T15_good_ipv4", "Host: 127.0.0.1:65535\r\n", 0, None),
      host("T15_good_underscore", "Host: my_service.default\r\n", 0, None),
      host("T15_good_empty_port", "Host: a:\r\n", 0, None),
      target("T16_absolute_form", "http://b/p", 0, None),
      target("T16_absolute_userinfo", "http://u@b/p"),
      target("T16_absolute_no_host", "http:///p"),
      target("T16_other_scheme", "ftp://b/p"),
      target("T16_absolute_query_only", "http://b?q"),
      {"T16_absolute_bad_host_field", "GET http://b/p HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, Host},
      {"T16_absolute_without_host", "GET http://b/p HTTP/1.1\r\n\r\n", 400, Host},
      target("T18_fragment", "/p#f"),
      target("T18_fragment_in_query", "/p?q#f"),
      target("T19_short_escape", "/%4"),
      target("T19_wrong_escape", "/%zz"),
      target("T19_bare_percent", "/p?100%"),
      target("T19_utf8", "/\xc3\xa9"),
      target("T19_nul", "/a\0b"s),
      target("T19_no_slash", "p"),
      target("T19_asterisk_with_get", "*"),
      start("T19_asterisk_with_options", "OPTIONS * HTTP/1.1", 0, None),
      target("T21_empty_segment", "//p", 0, None),
      target("T21_parameters", "/a;x/b", 0, None),
  };
  for (char c : "\"<>#\x7f\x80\xff\x01\t"s) {
    rows.push_back(
        target("T19_in_path_" + std::to_string(static_cast<unsigned char>(c)), "/a"s + c));
    rows.push_back(
        target("T19_in_query_" + std::to_string(static_cast<unsigned char>(c)), "/a?b"s + c));
  }
  for (char c : "\\`{}"s) {
    rows.push_back(
        target("T19_in_path_" + std::to_string(static_cast<unsigned char>(c)), "/a"s + c));
    rows.push_back(target("T19_in_query_" + std::to_string(static_cast<unsigned char>(c)),
                          "/a?b"s + c, 0, None));
  }
  for (char c : "|[]^"s) {
    rows.push_back(
        target("T19_in_path_" + std::to_string(static_cast<unsigned char>(c)), "/a"s + c, 0, None));
    rows.push_back(target("T19_in_query_" + std::to_string(static_cast<unsigned char>(c)),
                          "/a?b"s + c, 0, None));
  }
  return rows;
}

class CodecRequestRows : public testing::TestWithParam<Row> {};

TEST_P(CodecRequestRows, SameVerdictHoweverItArrives) {
  const Row& row = GetParam();
  const Answer answer = read_every_way(RequestReader{}, row.input);
  if (row.status == 0) {
    EXPECT_EQ(answer.kind, ParseState::Kind::Complete) << answer;
    EXPECT_EQ(answer.head_bytes, row.input.size());
  } else {
    EXPECT_EQ(answer.kind, ParseState::Kind::Bad) << answer;
    EXPECT_EQ(answer.status, row.status);
    EXPECT_EQ(to_string(answer.bad), to_string(row.bad));
  }
}

std::string name_of(const testing::TestParamInfo<Row>& info) {
  return info.param.id;
}
INSTANTIATE_TEST_SUITE_P(Framing, CodecRequestRows, testing::ValuesIn(framing_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Connections, CodecRequestRows, testing::ValuesIn(connection_rows()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Lines, CodecRequestRows, testing::ValuesIn(line_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(HostAndTarget, CodecRequestRows, testing::ValuesIn(host_and_target_rows()),
                         name_of);

}  // namespace
}  // namespace cutwater::http::test
