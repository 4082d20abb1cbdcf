// Tests section 3 of tests/HARDENING.md on the wire: a malformed request costs its stream, a broken
// protocol its connection; nothing of either reaches the upstream.
#include "tests/integration/http2_fixture.hpp"

namespace cutwater::test {
namespace {

// --- malformed requests: RST_STREAM PROTOCOL_ERROR -------------------------------------------

struct Row {
  std::string id;
  H2Fields fields;
  std::uint8_t flags = kH2End;
  std::string behind = {};  // more frames on the stream
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.id;
}

class Http2Malformed : public Http2Edge, public testing::WithParamInterface<Row> {};

TEST_P(Http2Malformed, CostsItsStream) {
  H2Client client(port());
  const auto id = client.next_id();
  client.send(h2_headers(id, GetParam().fields, GetParam().flags) + GetParam().behind);
  EXPECT_EQ(client.answer(id).reset, kH2Protocol);
  EXPECT_EQ(blue.requests(), 0u) << "reached the upstream";
  // The connection goes on.
  client.send(h2_headers(id + 2, h2_get("/next")));
  EXPECT_EQ(client.answer(id + 2).status, 200);
}

H2Fields replace(const std::string& name, const std::string& value) {
  H2Fields fields = h2_get();
  for (auto& [key, old] : fields)
    if (key == name) old = value;
  return fields;
}
H2Fields lacking(const std::string& name) {
  H2Fields fields = h2_get();
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}
H2Fields plus(const std::string& name, const std::string& value) {
  return h2_get() + H2Fields{{name, value}};
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Http2Malformed,
    testing::Values(
        Row{"H01_path_crlf", h2_get("/a\r\nX: y")}, Row{"H01_path_blank", h2_get("/a b")},
        Row{"H01_path_nul", h2_get(std::string("/a\0", 3))}, Row{"H01_path_del", h2_get("/a\x7f")},
        Row{"H02_injection",
            plus("x", "x\r\nTransfer-Encoding: chunked\r\n\r\nGET /smug HTTP/1.1\r\n")},
        Row{"H05_transfer_encoding", plus("transfer-encoding", "chunked")},
        Row{"H05_connection", plus("connection", "x")},
        Row{"H05_keep_alive", plus("keep-alive", "timeout=5")},
        Row{"H05_proxy_connection", plus("proxy-connection", "x")},
        Row{"H05_upgrade", plus("upgrade", "websocket")}, Row{"H06_te", plus("te", "gzip")},
        Row{"H06_te_list", plus("te", "trailers, deflate")},
        Row{"H07_no_method", lacking(":method")}, Row{"H07_no_scheme", lacking(":scheme")},
        Row{"H07_no_path", lacking(":path")}, Row{"H07_path_twice", plus(":path", "/b")},
        Row{"H07_method_twice", plus(":method", "GET")},
        Row{"H07_scheme_twice", plus(":scheme", "http")}, Row{"H07_unknown", plus(":x", "y")},
        Row{"H07_status", plus(":status", "200")}, Row{"H07_late", H2Fields{{"x", "y"}} + h2_get()},
        Row{"H07_in_trailers", h2_post(), 0, h2_headers(1, {{":path", "/b"}})},
        Row{"H08_mismatch", plus("host", "b")}, Row{"H08_authority_twice", plus(":authority", "b")},
        Row{"H08_none", lacking(":authority")}, Row{"H10_url", replace(":scheme", "https://evil/")},
        Row{"H10_javascript", replace(":scheme", "javascript")},
        Row{"H10_blank", replace(":scheme", "ht tp")}, Row{"H11_empty", h2_get("")},
        Row{"H11_relative", h2_get("p")}, Row{"H11_absolute", h2_get("http://b/")},
        Row{"H11_star", h2_get("*")}, Row{"H11_fragment", h2_get("/a#b")},
        Row{"H12_injection", replace(":method", "GET / HTTP/1.1\r\nHost: x")},
        Row{"H12_blank", replace(":method", "GE T")}, Row{"H12_lower", replace(":method", "get")},
        Row{"H14_twice", h2_post() + H2Fields{{"content-length", "5"}, {"content-length", "5"}}},
        Row{"H14_list", h2_post() + H2Fields{{"content-length", "5, 5"}}},
        Row{"H14_sign", h2_post() + H2Fields{{"content-length", "+5"}}},
        Row{"H14_huge", h2_post() + H2Fields{{"content-length", "18446744073709551616"}}},
        Row{"H14_none_of_it", h2_post() + H2Fields{{"content-length", "5"}}},
        Row{"H16_no_authority", {{":method", "CONNECT"}}},
        Row{"H16_path", {{":method", "CONNECT"}, {":authority", "a:80"}, {":path", "/"}}},
        Row{"H16_protocol_without_connect", plus(":protocol", "websocket")},
        Row{"upper_case_name", plus("X-Upper", "y")}),
    [](const auto& row) { return row.param.id; });

TEST_F(Http2Edge, H14ContentLengthAndDataDisagree) {
  H2Client client(port());
  const auto id = client.request(h2_post() + H2Fields{{"content-length", "5"}}, 0);
  client.data(id, "hello world");
  EXPECT_EQ(client.answer(id).reset, kH2Protocol);
  const auto shorter = client.request(h2_post() + H2Fields{{"content-length", "50"}}, 0);
  client.data(shorter, "hello");
  EXPECT_EQ(client.answer(shorter).reset, kH2Protocol);
  for (const Received& request : blue.received()) EXPECT_FALSE(request.body_complete);
  EXPECT_EQ(client.get().status, 200);
}

TEST_F(Http2Edge, H17TrailersMustEndTheirStream) {
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.data(id, "x", false).send(h2_headers(id, {{"x", "y"}}, 0));
  EXPECT_EQ(client.answer(id).reset, kH2Protocol);
  EXPECT_EQ(client.get().status, 200);
}

TEST_F(Http2Edge, TrailersOfARequestAreNotMerged) {
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.data(id, "x", false).send(h2_headers(id, {{"authorization", "x"}, {"host", "evil"}}));
  EXPECT_EQ(client.answer(id).status, 200);
  EXPECT_EQ(blue.wait_for_request().field("Authorization"), "<none>");
}

// --- a broken protocol: GOAWAY ---------------------------------------------------------------

struct Broken {
  std::string id;
  std::string frames;
  std::uint32_t code;
  std::uint32_t or_code = 0;
};
void PrintTo(const Broken& row, std::ostream* out) {
  *out << row.id;
}

constexpr std::uint32_t kH2Compression = 9;

class Http2Broken : public Http2Edge, public testing::WithParamInterface<Broken> {};

TEST_P(Http2Broken, EndsTheConnection) {
  H2Client client(port());
  client.send(GetParam().frames);
  const auto code = client.goaway();
  ASSERT_TRUE(code.has_value()) << "no GOAWAY";
  EXPECT_TRUE(*code == GetParam().code || *code == GetParam().or_code) << *code;
  EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
  H2Client next(port());
  EXPECT_EQ(next.get("/next").status, 200);
}

std::string window(std::uint32_t stream, std::uint32_t bytes) {
  return h2_frame(kH2Window, 0, stream, h2_number(bytes));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Http2Broken,
    testing::Values(
        Broken{"H18_even", h2_headers(2, h2_get()), kH2Protocol},
        Broken{"H18_zero", h2_headers(0, h2_get()), kH2Protocol},
        Broken{"H18_decreasing", h2_headers(5, h2_get()) + h2_headers(3, h2_get()), kH2Protocol},
        Broken{"H18_closed", h2_headers(1, h2_get()) + h2_headers(1, h2_get()), kH2Closed},
        Broken{"H18_data_closed", h2_headers(1, h2_get()) + h2_frame(kH2Data, 1, 1, "x"),
               kH2Closed},
        Broken{"H18_data_idle", h2_frame(kH2Data, 1, 1, "x"), kH2Protocol},
        Broken{"H18_reset_idle", h2_reset(1), kH2Protocol},
        Broken{"H18_window_idle", window(1, 100), kH2Protocol},
        Broken{"H18_exhausted", h2_headers(0x7fffffff, h2_get()) + h2_headers(1, h2_get()),
               kH2Protocol},
        Broken{"H18_reset_then_data",
               h2_headers(1, h2_post(), 0) + h2_reset(1) + h2_frame(kH2Data, 1, 1, "x"), kH2Closed},
        Broken{"H18_data_zero", h2_frame(kH2Data, 1, 0, "x"), kH2Protocol},
        Broken{"H18_reset_zero", h2_reset(0), kH2Protocol},
        Broken{"H18_priority_zero", h2_frame(kH2Priority, 0, 0, "12345"), kH2Protocol},
        Broken{"H18_goaway_on_a_stream", h2_frame(kH2Goaway, 0, 1, h2_number(0) + h2_number(0)),
               kH2Protocol},
        Broken{"H17_data_behind_trailers",
               h2_headers(1, h2_post(), 0) + h2_headers(1, {{"x", "y"}}) +
                   h2_frame(kH2Data, 1, 1, "x"),
               kH2Closed},
        Broken{"H20_headers",
               h2_frame(kH2Headers, kH2EndHeaders | kH2End, 1,
                        h2_block(h2_get() + H2Fields{{"x", std::string(16'385, 'x')}})),
               kH2FrameSize},
        Broken{"H20_too_long",
               h2_headers(1, h2_post(), 0) + h2_frame(kH2Data, 0, 1, std::string(16'385, 'x')),
               kH2FrameSize},
        Broken{"H20_settings", h2_frame(kH2Settings, 0, 0, "12345"), kH2FrameSize},
        Broken{"H20_ping", h2_frame(kH2Ping, 0, 0, "1234567"), kH2FrameSize},
        Broken{"H20_reset", h2_headers(1, h2_post(), 0) + h2_frame(kH2Reset, 0, 1, "123"),
               kH2FrameSize},
        Broken{"H20_priority", h2_frame(kH2Priority, 0, 1, "1234"), kH2FrameSize},
        Broken{"H20_window", h2_frame(kH2Window, 0, 0, "123"), kH2FrameSize},
        Broken{"H21_data",
               h2_headers(1, h2_post(), 0) + h2_frame(kH2Data, kH2Padded, 1,
                                                      "\x0a"
                                                      "123"),
               kH2Protocol},
        Broken{"H21_headers",
               h2_frame(kH2Headers, kH2Padded | kH2EndHeaders, 1,
                        "\x0a"
                        "123"),
               kH2Protocol},
        Broken{"H22_ack_payload", h2_frame(kH2Settings, kH2Ack, 0, "123456"), kH2FrameSize},
        Broken{"H22_stream", h2_frame(kH2Settings, 0, 1), kH2Protocol},
        Broken{"H22_push", h2_settings({{2, 2}}), kH2Protocol},
        Broken{"H22_window", h2_settings({{4, 0x80000000U}}), kH2Flow},
        Broken{"H22_frame", h2_settings({{5, 16'383}}), kH2Protocol},
        Broken{"H22_frame_above", h2_settings({{5, 1U << 24}}), kH2Protocol},
        Broken{"H22_33_entries",
               h2_settings(std::vector<std::pair<std::uint16_t, std::uint32_t>>(33, {0x4000, 1})),
               kH2Calm},
        Broken{"H23_zero", window(0, 0), kH2Protocol},
        Broken{"H23_zero_on_a_stream", h2_headers(1, h2_post(), 0) + window(1, 0), kH2Protocol},
        Broken{"H23_overflow", window(0, 0x7fffffff) + window(0, 0x7fffffff), kH2Flow},
        Broken{"H24_push",
               h2_headers(1, h2_post(), 0) +
                   h2_frame(kH2Push, kH2EndHeaders, 1, h2_number(2) + h2_block(h2_get())),
               kH2Protocol},
        Broken{"ping_on_a_stream", h2_frame(kH2Ping, 0, 1, "12345678"), kH2Protocol},
        Broken{"between_continuations",
               h2_frame(kH2Headers, 0, 1, h2_block(h2_get())) + h2_frame(kH2Ping, 0, 0, "12345678"),
               kH2Protocol},
        Broken{"unknown_inside_a_header_block",
               h2_frame(kH2Headers, 0, 1, h2_block(h2_get())) + h2_frame(77, 0, 0, "unknown"),
               kH2Protocol},
        Broken{"continuation_idle", h2_frame(kH2Continuation, kH2EndHeaders, 1), kH2Protocol},
        Broken{"continuation_behind_the_end",
               h2_headers(1, h2_post(), 0) + h2_frame(kH2Continuation, kH2EndHeaders, 1),
               kH2Protocol}),
    [](const auto& row) { return row.param.id; });

// Makes a request with more bits of HPACK behind its fields.
std::string with_bits(const std::string& bytes) {
  return h2_frame(kH2Headers, kH2EndHeaders | kH2End, 1, h2_block(h2_get()) + bytes);
}

// A block that cannot be decoded costs the connection, because the two tables would no longer agree
// (RFC 7541).
INSTANTIATE_TEST_SUITE_P(
    Hpack, Http2Broken,
    testing::Values(
        Broken{"endless_number", with_bits("\xff\xff\xff\xff\xff"), kH2Compression},
        Broken{"index_0", with_bits("\x80"), kH2Compression},
        Broken{"index_beyond", with_bits("\xc6"), kH2Compression},
        Broken{"name_index_beyond", with_bits("\x7f\x07\x01x"), kH2Compression},
        Broken{"table_size_behind_a_field", with_bits("\x21"), kH2Compression},
        Broken{"table_size_beyond",
               h2_frame(kH2Headers, kH2EndHeaders | kH2End, 1, "\x3f\xe2\x7f" + h2_block(h2_get())),
               kH2Compression},
        // The fields are `x: ` and a value in Huffman's code.
        Broken{"padding_of_8_bits", with_bits({"\0\1x\x84\x49\x50\x9f\xff", 8}), kH2Compression},
        Broken{"padding_of_zeros", with_bits({"\0\1x\x83\x49\x50\x90", 7}), kH2Compression},
        Broken{"end_of_string", with_bits({"\0\1x\x84\xff\xff\xff\xff", 8}), kH2Compression}),
    [](const auto& row) { return row.param.id; });

// This is the field that the rows above break, whole.
TEST_F(Http2Edge, HuffmansCodeIsRead) {
  H2Client client(port());
  client.send(with_bits({"\0\1x\x83\x49\x50\x9f", 7}));
  EXPECT_EQ(client.answer(1).status, 200);
  EXPECT_EQ(blue.wait_for_request().field("x"), "test");
}

TEST_F(Http2Edge, H08HostAloneWillDo) {
  H2Client client(port());
  EXPECT_EQ(client.answer(client.request(lacking(":authority") + H2Fields{{"host", "a"}})).status,
            200);
  EXPECT_EQ(blue.wait_for_request().field("Host"), "a");
}

TEST_F(Http2Edge, H18TheLastStreamThereIsIsServed) {
  H2Client client(port());
  client.send(h2_headers(0x7fffffff, h2_get()));
  EXPECT_EQ(client.answer(0x7fffffff).status, 200);
}

TEST_F(Http2Edge, H24UnknownFlagsAreIgnored) {
  H2Client client(port());
  client.send(h2_frame(kH2Ping, static_cast<std::uint8_t>(~kH2Ack), 0, "12345678"));
  EXPECT_EQ(client.wait_for(kH2Ping).payload, "12345678");
  client.send(h2_headers(1, h2_get(), kH2End | 0x40));
  EXPECT_EQ(client.answer(1).status, 200);
}

TEST_F(Http2Edge, H22UnknownSettingsAreIgnored) {
  std::vector<std::pair<std::uint16_t, std::uint32_t>> entries;
  for (std::uint16_t i = 0; i < 30; ++i) entries.emplace_back(0x4000 + i, i);
  H2Client client(port());
  client.send(h2_settings(entries) + h2_frame(77, 0xff, 0, "unknown"));
  EXPECT_EQ(client.get().status, 200);
}

TEST_F(Http2Edge, H23AWindowOfAStreamCostsTheStream) {
  blue.never_answer();
  H2Client client(port());
  const auto over = client.request(h2_get());
  client.send(window(over, 0x7fffffff));
  EXPECT_EQ(client.answer(over).reset, kH2Flow);
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; })) << "upstream told";
}

TEST_F(Http2Edge, H24NoNewStreamsBehindGoaway) {
  H2Client client(port());
  client.send(h2_frame(kH2Goaway, 0, 0, h2_number(0) + h2_number(0)));
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
}

TEST_F(Http2Edge, H26ABrokenPrefaceEndsTheConnection) {
  H2Client broken(TcpStream::Dial{port()}, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + h2_settings());
  EXPECT_NE(broken.how_it_ends(), TcpStream::End::Open);
  EXPECT_EQ(blue.connections(), 0u);
}

TEST_F(Http2Edge, H26HalfAPrefaceIsNotWaitedForForEver) {
  setup.limits.header_timeout = 200ms;
  H2Client half(TcpStream::Dial{port()}, kH2Magic.substr(0, 10));
  EXPECT_NE(half.how_it_ends(), TcpStream::End::Open);
  H2Client silent(TcpStream::Dial{port()}, kH2Magic);
  EXPECT_NE(silent.goaway(), std::nullopt) << "no SETTINGS came";
  H2Client stuck(port());
  stuck.send(h2_frame(kH2Headers, 0, 1, h2_block(h2_get())));
  EXPECT_NE(stuck.goaway(), std::nullopt) << "half a header block";
}

TEST_F(Http2Edge, H32StreamsBeyondTheLimitAreRefused) {
  blue.never_answer();
  H2Client client(port());
  EXPECT_EQ(client.wait_for(kH2Settings).flags, 0);
  EXPECT_EQ(client.settings().at(3), 100u);
  std::string bytes;
  for (std::uint32_t i = 0; i < 200; ++i) bytes += h2_headers(2 * i + 1, h2_get());
  client.send(bytes);
  for (std::uint32_t i = 100; i < 200; ++i)
    EXPECT_EQ(client.answer(2 * i + 1).reset, kH2Refused) << i;
  EXPECT_TRUE(eventually([&] { return blue.requests() == 100; }));
  EXPECT_EQ(proxy().totals().refused_streams, 100u);
}

}  // namespace
}  // namespace cutwater::test
