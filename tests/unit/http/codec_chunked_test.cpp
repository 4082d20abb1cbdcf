// Tests the chunk decoder: rows S25..S38, every split, and the bytes behind the last chunk.
#include "codec_support.hpp"

namespace cutwater::http::test {
namespace {

struct Decoded {
  std::string body;
  std::string trailers;  // "name=value;" for each
  std::size_t consumed = 0;
  bool done = false;
  bool bad = false;
  bool operator==(const Decoded&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Decoded& d) {
  return out << d.body << " trailers " << d.trailers << " consumed " << d.consumed
             << (d.done ? " done" : "") << (d.bad ? " bad" : "");
}

// Delivers `input` in the given pieces, as a connection would: bytes that are not consumed stay.
Decoded decode(std::string_view input, const std::vector<std::size_t>& pieces,
               bool in_place = true) {
  ChunkDecoder decoder;
  Decoded all;
  std::size_t at = 0;
  for (std::size_t size : pieces) {
    std::string buffer(input.substr(at, size));
    at += size;
    const auto out = in_place ? decoder.decode_in_place(buffer) : decoder.decode(buffer);
    all.body += buffer.substr(out.offset, out.body);
    all.consumed += out.consumed;
    all.done = out.done;
    all.bad = out.bad;
    EXPECT_TRUE(out.done || out.bad || out.consumed == size) << "nothing but an end stops it";
    EXPECT_EQ(buffer.substr(out.consumed),
              input.substr(at - size + out.consumed, size - out.consumed))
        << "bytes behind the body were touched";
    if (out.done || out.bad) break;
  }
  if (all.done && decoder.trailers())
    for (const Field& field : *decoder.trailers())
      all.trailers.append(field.name).append("=").append(field.value).append(";");
  return all;
}

Decoded decode_every_way(std::string_view input) {
  const Decoded whole = decode(input, {input.size()});
  EXPECT_EQ(whole, decode(input, {input.size()}, false));
  EXPECT_EQ(whole, decode(input, std::vector<std::size_t>(input.size(), 1))) << "byte by byte";
  const std::size_t step = 1 + input.size() / 600;
  for (std::size_t cut = 1; cut < input.size(); cut += step) {
    EXPECT_EQ(whole, decode(input, {cut, input.size() - cut})) << "cut at " << cut;
    EXPECT_EQ(whole, decode(input, {cut, input.size() - cut}, false)) << "cut at " << cut;
  }
  return whole;
}

TEST(CodecChunked, ABodyInChunksIsPutTogetherAtEverySplit) {
  const std::string body = "5\r\nhello\r\n00A;x=y;z=\"q\"\r\n, world!!!\r\n1\r\n.\r\n000\r\n\r\n";
  const Decoded all = decode_every_way(body + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(all.body, "hello, world!!!.");
  EXPECT_TRUE(all.done);
  EXPECT_EQ(all.consumed, body.size()) << "the next request stays in the buffer";
}

TEST(ChunkedGrammar, S30ExtensionsOfTheGrammarAreIgnored) {
  for (const char* extensions : {";a", ";a;b", ";a=b", "; a = b ; c", ";a=\"\"",
                                 ";a=\"b;c\\\"d\xc3\xa9\";e", ";\ta=\"b\"\t;c"}) {
    const Decoded all =
        decode_every_way("5" + std::string(extensions) + "\r\nhello\r\n0;z\r\n\r\n");
    EXPECT_EQ(all.body, "hello") << extensions;
    EXPECT_TRUE(all.done) << extensions << all;
  }
}

TEST(CodecChunked, DigitsAreCountedPerChunkNotPerBody) {
  const Decoded all = decode_every_way(repeat("001\r\nx\r\n", 20) + "0\r\n\r\n");
  EXPECT_TRUE(all.done);
  EXPECT_EQ(all.body, std::string(20, 'x'));
}

TEST(CodecChunked, AnEmptyBodyIsJustTheLastChunk) {
  const Decoded all = decode_every_way("0\r\n\r\n");
  EXPECT_TRUE(all.done);
  EXPECT_EQ(all.body, "");
}

TEST(CodecChunked, S23ABodyCutShortIsNeverDone) {
  const std::string text = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(decode(text.substr(0, size), {size}).done) << size;
}

TEST(CodecChunked, AfterTheEndNothingMoreIsTaken) {
  ChunkDecoder decoder;
  std::string end = "0\r\n\r\n";
  EXPECT_TRUE(decoder.decode_in_place(end).done);
  std::string next = "5\r\nhello";
  const auto out = decoder.decode_in_place(next);
  EXPECT_TRUE(out.done);
  EXPECT_EQ(out.consumed, 0U);
  decoder.reset();
  EXPECT_EQ(decoder.decode_in_place(next).body, 5U);
}

TEST(CodecChunked, ASingleChunkIsNotMovedByDecode) {
  ChunkDecoder decoder;
  std::string text = "5\r\nhello\r\n";
  const auto out = decoder.decode(text);
  EXPECT_EQ(out.offset, 3U);
  EXPECT_EQ(out.body, 5U);
  EXPECT_EQ(text, "5\r\nhello\r\n");
}

struct Row {
  std::string id;
  std::string input;
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.id;
}
class CodecChunkedRows : public testing::TestWithParam<Row> {};

TEST_P(CodecChunkedRows, IsRefusedHoweverItArrives) {
  const Decoded all = decode_every_way(GetParam().input);
  EXPECT_TRUE(all.bad) << all;
  EXPECT_FALSE(all.done);
}

const std::string kRest = "\r\nhello\r\n0\r\n\r\n";
std::vector<Row> bad_rows() {
  std::string many_extensions;
  for (int i = 0; i < 10000; ++i) many_extensions += "1;" + std::string(200, 'e') + "\r\nx\r\n";
  std::string many_trailers = "0\r\n" + repeat("A: b\r\n", 20000) + "\r\n";
  return {{"S25_plus", "+5" + kRest},
          {"S25_hex_prefix", "0x5" + kRest},
          {"S25_minus", "-5" + kRest},
          {"S25_underscore", "5_0" + kRest},
          {"S25_leading_space", " 5" + kRest},
          {"S25_trailing_space", "5 " + kRest},
          {"S25_trailing_tab", "5\t" + kRest},
          {"S25_empty", kRest},
          {"S25_empty_after_a_chunk", "1\r\nx\r\n\r\n\r\n"},
          {"S25_extension_without_size", "1\r\nx\r\n;a\r\n\r\n"},
          {"S25_blank_before_extension", "5 ;a" + kRest},
          {"S26_17_digits", "10000000000000005" + kRest},
          {"S26_17_zeros", "00000000000000005" + kRest},
          {"S26_all_ones", "FFFFFFFFFFFFFFFF" + kRest},
          {"S26_two_to_63", "8000000000000000" + kRest},
          {"S27_lf_after_size", "5\nhello\r\n0\r\n\r\n"},
          {"S27_cr_without_lf", "5\rhello\r\n0\r\n\r\n"},
          {"S30_lf_in_extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"},
          {"S30_cr_in_extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
          {"S30_nul_in_extension", std::string("5;a\0b", 5) + kRest},
          {"S30_no_name", "5;" + kRest},
          {"S30_no_name_colon", "5;:" + kRest},
          {"S30_no_name_but_value", "5;=a" + kRest},
          {"S30_no_name_between", "5;;a" + kRest},
          {"S30_no_value", "5;a=" + kRest},
          {"S30_two_values", "5;a=b=c" + kRest},
          {"S30_two_words", "5;a b" + kRest},
          {"S30_no_token_as_value", "5;a=@" + kRest},
          {"S30_open_quote", "5;a=\"" + kRest},
          {"S30_open_quote_with_text", "5;a=\"b" + kRest},
          {"S30_escaped_end_of_quote", "5;a=\"b\\\"" + kRest},
          {"S30_behind_quote", "5;a=\"b\"c" + kRest},
          {"S30_quoted_name", "5;\"a\"" + kRest},
          {"S30_blank_at_end", "5;a " + kRest},
          {"S30_blank_behind_value", "5;a=b\t" + kRest},
          {"S30_escaped_control", "5;a=\"\\\x01\"" + kRest},
          {"S34_long_extension", "5;a=" + std::string(100000, 'b') + kRest},
          {"S34_line_over_256", "5;" + std::string(256, 'b') + kRest},
          {"S34_many_extensions", many_extensions + "0\r\n\r\n"},
          {"S35_spill", "5\r\nhelloXX0\r\n\r\n"},
          {"S35_lf_after_data", "5\r\nhello\n0\r\n\r\n"},
          {"S37_fold_in_trailer", "0\r\nA: b\r\n c\r\n\r\n"},
          {"S37_fold_first_in_trailer", "0\r\n A: b\r\n\r\n"},
          {"S37_cr_in_trailer", "0\r\nA: b\rc\r\n\r\n"},
          {"S37_nul_in_trailer", std::string("0\r\nA: b\0c\r\n\r\n", 13)},
          {"S37_no_name", "0\r\n: b\r\n\r\n"},
          {"S37_no_token", "0\r\nA[1]: b\r\n\r\n"},
          {"S37_no_colon", "0\r\nA\r\n\r\n"},
          {"S37_blank_before_colon", "0\r\nA : b\r\n\r\n"},
          {"S37_lf_in_trailer", "0\r\nA: b\nC: d\r\n\r\n"},
          {"S37_lf_ends_trailer", "0\r\n\n"},
          {"S38_many_trailers", many_trailers},
          {"S38_long_trailer", "0\r\nA: " + std::string(100 * 1024, 'b') + "\r\n\r\n"}};
}
std::string name_of(const testing::TestParamInfo<Row>& row) {
  return row.param.id;
}
INSTANTIATE_TEST_SUITE_P(Bad, CodecChunkedRows, testing::ValuesIn(bad_rows()), name_of);

TEST(CodecChunked, S26TheLargestSizeIsWaitedForNotRefused) {
  EXPECT_FALSE(decode_every_way("7fffffffffffffff\r\nhello").bad);
}

TEST(CodecChunked, TrailersAreTheSameAtEverySplit) {
  const Decoded all = decode_every_way(
      "1\r\nx\r\n0\r\nX-Sum: \t a b \r\nE:\r\nGrpc-Status:0\r\nx-sum: c\r\n\r\nrest");
  EXPECT_TRUE(all.done);
  EXPECT_EQ(all.body, "x");
  EXPECT_EQ(all.trailers, "X-Sum=a b;E=;Grpc-Status=0;x-sum=c;");
}

TEST(CodecChunked, S37WhatMayNotTrailIsReadAndDropped) {
  const Decoded all = decode_every_way(
      "1\r\nx\r\n0\r\nContent-Length: 5\r\nHost: evil\r\nA: b\r\nX-Forwarded-For: "
      "9.9.9.9\r\n\r\nrest");
  EXPECT_TRUE(all.done);
  EXPECT_EQ(all.trailers, "A=b;");
  EXPECT_EQ(decode_every_way("0\r\nHost: evil\r\n\r\n").trailers, "");
}

TEST(CodecChunked, TheNextMessageKnowsNothingOfTheTrailersBefore) {
  ChunkDecoder decoder;
  std::string first = "0\r\nA: b\r\n\r\n";
  EXPECT_TRUE(decoder.decode_in_place(first).done);
  ASSERT_NE(decoder.trailers(), nullptr);
  EXPECT_EQ(decoder.trailers()->size(), 1u);
  decoder.reset();
  std::string second = "0\r\n\r\n";
  EXPECT_TRUE(decoder.decode_in_place(second).done);
  EXPECT_EQ(decoder.trailers(), nullptr);
}

TEST(CodecChunked, TheLimitsAreKeptToTheByte) {
  const auto bad = [](ChunkLimits limits, std::string text) {
    ChunkDecoder decoder(limits);
    return decoder.decode_in_place(text).bad;
  };
  ChunkLimits limits;
  limits.line_bytes = 6;
  limits.extension_bytes = 4;
  limits.trailer_bytes = 8;
  limits.trailer_fields = 1;
  EXPECT_FALSE(bad(limits, "1;abc\r\nx\r\n"));
  EXPECT_TRUE(bad(limits, "1;abcd\r\nx\r\n"));
  EXPECT_FALSE(bad(limits, "1;abc\r\nx\r\n1;d\r\nx\r\n"));
  EXPECT_TRUE(bad(limits, "1;abc\r\nx\r\n1;de\r\nx\r\n"));
  EXPECT_FALSE(bad(limits, "0\r\nA: b\r\n\r\n"));
  EXPECT_TRUE(bad(limits, "0\r\nA: bc\r\n\r\n"));
  limits.trailer_bytes = 100;
  EXPECT_TRUE(bad(limits, "0\r\nA: b\r\nC: d\r\n\r\n"));
}

TEST(CodecChunked, AChunkHeaderIsLowerCaseHex) {
  std::array<char, 24> room{};
  EXPECT_EQ(format_chunk_header(0x1a2b, room), "1a2b\r\n");
  EXPECT_EQ(format_chunk_header(SIZE_MAX, room), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace cutwater::http::test
