// Tests section 1 of tests/HARDENING.md: where a request ends. Malformed framing is refused before
// any of it reaches an upstream; the rows are sent as a whole and one byte per segment.
#include "tests/integration/edge_fixture.hpp"

namespace cutwater::test {
namespace {

const std::string kSmuggled = "GET /smug HTTP/1.1\r\nHost: a\r\n\r\n";

Input post(std::string id, const std::string& fields, const std::string& body, int status = 400,
           int or_status = 0) {
  return {std::move(id), kPost + fields + "\r\n" + body, status, or_status};
}

Input length(std::string id, const std::string& value) {
  return post(std::move(id), "Content-Length: " + value + "\r\n", "hello", 400, 413);
}

// --- heads that do not say clearly where the body ends ---------------------------------------

class BadFraming : public Inputs {};

TEST_P(BadFraming, IsRefusedAndNothingReachesTheUpstream) {
  RawClient client(port());
  say(client);
  expect_refusal(client.read_response());
  EXPECT_EQ(blue.connections(), 0u);
  EXPECT_TRUE(eventually([&] { return bad_requests() == 1; }));
  expect_closed_and_well(client);
  EXPECT_EQ(blue.requests(), 1u) << "only the next client's";
}

const std::string kChunkedHello = "5\r\nhello\r\n0\r\n\r\n";

const Input kBadFraming[] = {
    post("S01_length_then_chunked", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
         "0\r\n\r\nX"),
    post("S02_chunked_then_length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
         kChunkedHello),
    post("S03_unknown_coding", "Transfer-Encoding: xchunked\r\n", kSmuggled, 400, 501),
    post("S04_identity", "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"),
    post("S07_gzip_chunked", "Transfer-Encoding: gzip, chunked\r\n", kChunkedHello, 501),
    post("S08_two_lines", "Transfer-Encoding: foo\r\nTransfer-Encoding: chunked\r\n",
         kChunkedHello),
    post("S08_two_lines_reversed", "Transfer-Encoding: chunked\r\nTransfer-Encoding: foo\r\n",
         kChunkedHello),
    post("S10_folded", "Transfer-Encoding:\r\n chunked\r\n", kChunkedHello),
    post("S11_space_before_colon", "Transfer-Encoding : chunked\r\n", kChunkedHello),
    post("S11_tab_before_colon", "Transfer-Encoding\t: chunked\r\n", kChunkedHello),
    {"S12_chunked_in_http10",
     "POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + kChunkedHello},
    post("S17_length_twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
    post("S18_two_lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
    length("S20_plus", "+5"),
    length("S20_minus", "-1"),
    length("S20_hex", "0x5"),
    length("S20_blank", "5 5"),
    length("S20_exponent", "5e0"),
    length("S20_comma_first", ",5"),
    length("S20_comma_last", "5,"),
    length("S20_list", "5, 5"),
    length("S20_empty", ""),
    length("S20_arabic_digit", "\xd9\xa5"),
    length("S22_two_to_64", "18446744073709551616"),
    length("S22_two_to_64_less_1", "18446744073709551615"),
    length("S22_two_to_63", "9223372036854775808"),
    post("S45_upgrade_with_length",
         "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 5\r\n", "hello"),
    post("S45_upgrade_with_chunked",
         "Upgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n",
         kChunkedHello),
    post("S43_other_expectation", "Expect: 200-ok\r\nContent-Length: 5\r\n", "hello", 417),
    post("S43_two_words", "Expect: y 100-continue\r\nContent-Length: 5\r\n", "hello", 417),
    post("S43_folded", "Expect:\r\n 100-continue\r\nContent-Length: 5\r\n", "hello", 400, 417),
};
INSTANTIATE_TEST_SUITE_P(S, BadFraming,
                         ::testing::Combine(::testing::ValuesIn(kBadFraming),
                                            ::testing::Values(Sent::Whole, Sent::ByteByByte)),
                         name_of);

// --- bodies that break their framing ----------------------------------------------------------

class BadChunks : public Inputs {};

TEST_P(BadChunks, AreRefusedAndNeverCompleteARequest) {
  RawClient client(port());
  say(client);
  const Response response = client.read_response();
  expect_refusal(response);
  EXPECT_EQ(client.read_until_close(), "") << "more than one answer";
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }))
      << "the upstream's connection must not be kept";
  for (const Received& request : blue.received())
    EXPECT_FALSE(request.body_complete) << request.head.raw << request.body;
  EXPECT_TRUE(eventually([&] { return proxy().totals().local_replies[400] == 1; }));
  EXPECT_EQ(attempts(), 0u) << "not the version's fault";
  EXPECT_EQ(get(port(), "/next").status, 200);
}

Input chunked(std::string id, const std::string& body, int status = 400, int or_status = 0) {
  return post(std::move(id), "Transfer-Encoding: chunked\r\n", body, status, or_status);
}

Input size_line(std::string id, const std::string& size) {
  return chunked(std::move(id), size + "\r\nhello\r\n0\r\n\r\n");
}

std::string repeated(const std::string& what, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += what;
  return all;
}

const Input kBadChunks[] = {
    size_line("S25_plus", "+5"),
    size_line("S25_hex_prefix", "0x5"),
    size_line("S25_minus", "-5"),
    size_line("S25_underscore", "5_0"),
    size_line("S25_blank_first", " 5"),
    size_line("S25_blank_last", "5 "),
    size_line("S25_tab_last", "5\t"),
    size_line("S25_empty", ""),
    size_line("S26_17_digits", "10000000000000005"),
    size_line("S26_20_zeros", "00000000000000000005"),
    size_line("S26_all_ones", "FFFFFFFFFFFFFFFF"),
    chunked("S27_lf_after_size", "5\nhello\r\n0\r\n\r\n"),
    chunked("S30_lf_in_extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
    chunked("S35_no_crlf_after_data", "5\r\nhelloXX0\r\n\r\n"),
    chunked("S35_second_chunk", "5\r\nhello\r\n5\r\nworldXX0\r\n\r\n"),
};
INSTANTIATE_TEST_SUITE_P(S, BadChunks,
                         ::testing::Combine(::testing::ValuesIn(kBadChunks),
                                            ::testing::Values(Sent::Whole, Sent::ByteByByte)),
                         name_of);

const Input kLongChunks[] = {
    chunked("S34_long_extension", "5;a=" + std::string(100'000, 'b') + "\r\nhello\r\n0\r\n\r\n"),
    chunked("S34_many_extensions",
            repeated("1;" + std::string(200, 'e') + "\r\nx\r\n", 10'000) + "0\r\n\r\n"),
    chunked("S38_long_trailers", "0\r\nX: " + std::string(100 * 1024, 't') + "\r\n\r\n"),
    chunked("S38_many_trailers", "0\r\n" + repeated("X: y\r\n", 20'000) + "\r\n"),
};
INSTANTIATE_TEST_SUITE_P(Long, BadChunks,
                         ::testing::Combine(::testing::ValuesIn(kLongChunks),
                                            ::testing::Values(Sent::Whole)),
                         name_of);

// --- framing that is fine, or made fine -------------------------------------------------------

using Framing = Edge;

TEST_F(Framing, S14FieldsDisguisedByUnderscoresNeverPass) {
  RawClient client(port());
  client.send(kPost +
              "Content_Length: 50\r\nTransfer_Encoding: chunked\r\nX_Forwarded_For: 9.9.9.9\r\n"
              "Ho_st: b\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(client.read_response().status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.head.count("Content_Length"), 0u);
  EXPECT_EQ(got.head.count("Transfer_Encoding"), 0u);
  EXPECT_EQ(got.head.count("X_Forwarded_For"), 0u);
}

TEST_F(Framing, S16CodingNamesIgnoreCaseAndGoOnInLowerCase) {
  RawClient client(port());
  for (const std::string coding : {"Chunked", "cHuNkEd"}) {
    client.send(kPost + "Transfer-Encoding: " + coding + "\r\n\r\n" + kChunkedHello);
    EXPECT_EQ(client.read_response().status, 200);
    const Received got = blue.wait_for_request();
    EXPECT_EQ(got.field("Transfer-Encoding"), "chunked");
    EXPECT_EQ(got.body, "hello");
  }
}

TEST_F(Framing, S23ARequestCutShortNeverLooksComplete) {
  RawClient client(port());
  client.send(kPost + "Content-Length: 5\r\n\r\nhel").half_close();
  const std::string answer = client.read_until_close();
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 400")) << answer;
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  for (const Received& request : blue.received()) EXPECT_FALSE(request.body_complete);
  EXPECT_EQ(attempts(), 0u);
}

TEST_F(Framing, S37TrailersAreNeverMergedIntoTheHead) {
  RawClient client(port());
  client.send(kPost +
              "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
              "Content-Length: 5\r\nHost: evil\r\nAuthorization: x\r\nCookie: a=b\r\n"
              "X-Forwarded-For: 9.9.9.9\r\n\r\n");
  const int status = client.read_response().status;
  ASSERT_TRUE(status == 200 || status == 400);
  if (status == 400) return;
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.field("Host"), "a");
  EXPECT_EQ(got.field("Content-Length"), "<none>");
  EXPECT_EQ(got.field("Authorization"), "<none>");
  EXPECT_EQ(got.field("Cookie"), "<none>");
  EXPECT_EQ(got.field("X-Forwarded-For"), "127.0.0.1");
}

TEST_F(Framing, S40AGetMayHaveABodyAndItsBytesNeverBecomeARequest) {
  for (const std::string method : {"GET", "HEAD", "OPTIONS", "DELETE"}) {
    RawClient client(port());
    client.send(method + " /outer HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                std::to_string(kSmuggled.size()) + "\r\n\r\n" + kSmuggled);
    const auto to = method == "HEAD" ? RawClient::To::Head : RawClient::To::Get;
    EXPECT_EQ(client.read_response(to).status, 200) << method;
    const Received got = blue.wait_for_request();
    EXPECT_EQ(got.target(), "/outer");
    EXPECT_EQ(got.body, kSmuggled);
    EXPECT_FALSE(client.has_input_within(20ms)) << "a second answer: the body was a request";
  }
  EXPECT_EQ(blue.requests(), 4u);
}

TEST_F(Framing, S45UpgradeIsIgnoredWhereItHasNoMeaning) {
  const std::string requests[] = {
      "POST /p HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
      "GET /p HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
      "GET /p HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
      "GET /p HTTP/1.1\r\nHost: a\r\nUpgrade: TLS/1.2\r\nConnection: upgrade\r\n\r\n",
      "PUT /p HTTP/1.1\r\nHost: a\r\nUpgrade: TLS/1.2\r\nConnection: upgrade\r\n"
      "Content-Length: 2\r\n\r\n{}",
      "PUT /p HTTP/1.1\r\nHost: a\r\nUpgrade: x/1\r\nConnection: upgrade\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
  };
  for (const std::string& request : requests) {
    RawClient client(port());
    client.send(request);
    EXPECT_EQ(client.read_response().status, 200) << request;
    EXPECT_EQ(blue.wait_for_request().field("Upgrade"), "<none>") << request;
  }
}

TEST_F(Framing, S47ConnectionCannotTakeAwayWhatTheProxyVouchesFor) {
  for (const std::string name : {"Content-Length", "Host", "Cookie", "X-Forwarded-For"}) {
    RawClient client(port());
    client.send(kPost + "Cookie: a=b\r\nContent-Length: 5\r\nConnection: close, " + name +
                "\r\n\r\nhello");
    EXPECT_EQ(client.read_response().status, 200) << name;
    const Received got = blue.wait_for_request();
    EXPECT_EQ(got.body, "hello") << name;
    EXPECT_EQ(got.field("Host"), "a") << name;
    EXPECT_EQ(got.field("Cookie"), "a=b") << name;
    EXPECT_EQ(got.field("X-Forwarded-For"), "127.0.0.1") << name;
  }
}

// The verdict must not depend on where the segments are cut.
TEST_F(Framing, S50EverySplitOfARequestReadsTheSame) {
  const std::string request = kPost + "X-Long: " + std::string(160, 'x') +
                              "\r\nTransfer-Encoding: chunked\r\n\r\n" + kChunkedHello;
  RawClient client(port());
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    client.send(request.substr(0, cut)).send(request.substr(cut));
    ASSERT_EQ(client.read_response().status, 200) << "cut at " << cut;
    ASSERT_EQ(blue.wait_for_request().body, "hello") << "cut at " << cut;
  }
  EXPECT_EQ(blue.connections(), 1u);
}

}  // namespace
}  // namespace cutwater::test
