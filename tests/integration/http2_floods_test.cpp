// Tests section 4 of tests/HARDENING.md, the rows about HTTP/2: each has a budget and a name, and
// ends with GOAWAY ENHANCE_YOUR_CALM. What a well-behaved client does beside it goes on.
#include "tests/integration/http2_fixture.hpp"
#include "tests/support/fake_h2_upstream.hpp"

namespace cutwater::test {
namespace {

class Http2Flood : public Http2Edge {};

std::string times(int n, const std::string& frame) {
  std::string all;
  for (int i = 0; i < n; ++i) all += frame;
  return all;
}

TEST_F(Http2Flood, R05RapidReset) {
  H2Client client(port());
  bool open = true;
  for (std::uint32_t i = 0; i < 5000 && open; ++i)
    open = client.try_send(h2_headers(2 * i + 1, h2_get()) + h2_reset(2 * i + 1));
  expect_ended(client, kH2Calm, "client_resets");
  EXPECT_LE(client.last_stream(), 2400u) << "before 1 200";
  EXPECT_LE(blue.requests(), 300u);
  H2Client next(port());
  EXPECT_EQ(next.get().status, 200);
}

TEST_F(Http2Flood, AStreamTakenBackAtOnceNeverReachesTheUpstream) {
  H2Client client(port());
  client.send(h2_headers(1, h2_get()) + h2_reset(1) + h2_headers(3, h2_get("/next")));
  EXPECT_EQ(client.answer(3).status, 200);
  EXPECT_EQ(blue.requests(), 1u);
}

// An exchange that is started only to be ended costs a connect for each stream of the attacker.
TEST_F(Http2Flood, AConnectionThatHasFailedStartsNothingMore) {
  H2Client client(port());
  client.wait_for(kH2Settings);
  client.send(h2_headers(1, h2_get()) + h2_headers(3, h2_get()) +
              h2_frame(kH2Ping, 0, 1, "12345678"));
  EXPECT_EQ(client.goaway(), kH2Protocol);
  EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
  H2Client next(port());
  EXPECT_EQ(next.get().status, 200);
  EXPECT_EQ(blue.connections(), 1u) << "for the streams of the other";
}

TEST_F(Http2Flood, MadeYouReset) {
  blue.never_answer();
  setup.limits.http2.server_resets = 20;
  H2Client client(port());
  for (std::uint32_t i = 0; i < 50; ++i)  // a window that overflows makes us reset the stream
    client.try_send(h2_headers(2 * i + 1, h2_get()) +
                    h2_frame(kH2Window, 0, 2 * i + 1, h2_number(0x7fffffff)));
  expect_ended(client, kH2Calm, "server_resets");
}

TEST_F(Http2Flood, R07Continuations) {
  H2Client client(port());
  client.send(h2_frame(kH2Headers, 0, 1, h2_block(h2_get())));
  client.try_send(times(10'000, h2_frame(kH2Continuation, 0, 1)));
  expect_ended(client, kH2Calm, "continuations");
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(Http2Flood, R08PingsWhoseAnswersNobodyReads) {
  H2Client client(port());
  client.try_send(times(10'000, h2_frame(kH2Ping, 0, 0, "12345678")));
  expect_ended(client, kH2Calm, "pings");
}

TEST_F(Http2Flood, R08Settings) {
  H2Client client(port());
  client.try_send(times(10'000, h2_settings()));
  expect_ended(client, kH2Calm, "pings");
}

TEST_F(Http2Flood, R10FramesThatDoNothing) {
  for (const std::string& frame :
       {h2_frame(kH2Priority, 0, 1, h2_number(0) + "x"), h2_frame(kH2Window, 0, 0, h2_number(1)),
        h2_frame(77, 0, 0, "unknown")}) {
    stop_proxy();
    H2Client client(port());
    client.try_send(times(10'000, frame));
    expect_ended(client, kH2Calm, "other_frames");
  }
}

TEST_F(Http2Flood, EmptyData) {
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.try_send(times(1000, h2_frame(kH2Data, 0, id)));
  expect_ended(client, kH2Calm, "empty_frames");
}

// One large field in the dynamic table is named again and again by one byte each.
TEST_F(Http2Flood, R11HpackBomb) {
  H2Client client(port());
  // The block holds a literal with incremental indexing: 0x40, name, value; then index 62, the
  // newest entry.
  std::string plant = h2_block(h2_get());
  const std::string planted = h2_block({{"x", std::string(3'900, 'y')}});
  plant += "\x40" + planted.substr(1);
  client.send(h2_frame(kH2Headers, kH2EndHeaders | kH2End, 1, plant));
  EXPECT_EQ(client.answer(1).status, 200);
  const std::string bomb = h2_block(h2_get()) + std::string(16'000, '\xbe');
  client.try_send(h2_frame(kH2Headers, kH2EndHeaders | kH2End, 3, bomb));
  expect_ended(client, kH2Calm, "header_list");
  EXPECT_EQ(blue.requests(), 1u);
}

TEST_F(Http2Flood, R12AWindowThatNeverOpens) {
  setup.limits.client_write_stall = 300ms;
  blue.answer(200, std::string(1'000'000, 'x'));
  H2Client client(TcpStream::Dial{port()}, kH2Magic + h2_settings({{4, 0}}));
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(client.request(h2_get()));
  for (const auto id : ids) EXPECT_EQ(client.answer(id).reset, kH2Cancel);
  EXPECT_EQ(abuses("stalled_window"), 10u);
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; })) << "upstream discarded";
  EXPECT_EQ(attempts(), 0u) << "the client's doing";
}

// --- one that comes back ----------------------------------------------------------------------

// The proxy stands behind a balancer that says who the clients are, and before an upstream that
// takes its time.
class Http2Returning : public Http2Flood {
 protected:
  static constexpr std::uint32_t kMany = 100;  // as many requests as may be open
  Http2Returning() {
    upstream.answer({.hold = true});
    setup = ProxySetup();
    setup.http2_version("blue", 100, {upstream.port()});
    setup.proxy_protocol = config::ProxyProtocol::Required;
  }
  std::unique_ptr<H2Client> connect(const std::string& address) {
    const std::string first =
        "PROXY TCP4 " + address + " 198.51.100.1 4711 80\r\n" + kH2Magic + h2_settings();
    auto client = std::make_unique<H2Client>(TcpStream::Dial{port()}, first);
    return client;
  }
  // The proxy has then read everything before it.
  bool is_read(H2Client& client) {
    if (!client.try_send(h2_frame(kH2Ping, 0, 0, "12345678"))) return false;
    try {
      client.wait_for(kH2Ping);
    } catch (const TestFailure&) {
      return false;  // the connection is closed
    }
    return true;
  }
  // Sends as many requests as may be open, then their resets in segments of their own, until the
  // connection is over.
  std::uint32_t flood(H2Client& client) {
    std::uint32_t sent = 0;
    for (bool open = true; open; sent += kMany) {
      std::string requests, resets;
      for (std::uint32_t id = 2 * sent + 1; id < 2 * (sent + kMany); id += 2) {
        requests += h2_headers(id, h2_get());
        resets += h2_reset(id);
      }
      open = client.try_send(requests) && is_read(client) && client.try_send(resets) &&
             is_read(client);
    }
    return sent;
  }
  // Counts how many of so many simultaneous requests begin at the same time.
  std::size_t begun_at_once(H2Client& client) {
    std::string requests;
    for (std::uint32_t i = 0; i < kMany; ++i) requests += h2_headers(2 * i + 1, h2_get());
    EXPECT_TRUE(eventually([&] { return proxy().totals().exchanges_active == 0; }));
    client.send(requests);
    EXPECT_TRUE(is_read(client));
    return proxy().totals().exchanges_active;
  }

  FakeH2Upstream upstream{{{3, 1000}}};
};

TEST_F(Http2Returning, AHundredThousandResetsBeginNoMoreThanTwelveHundredRequests) {
  std::uint32_t sent = 0;
  std::uint64_t connections = 0;
  while (sent < 100'000) {
    const auto client = connect("192.0.2.1");
    sent += flood(*client);
    EXPECT_EQ(client->goaway(), kH2Calm);
    ++connections;
  }
  EXPECT_LE(proxy().totals().requests, 1200u) << "over " << connections << " connections";
  EXPECT_EQ(abuses("client_resets"), connections);
}

TEST_F(Http2Returning, ItsNextConnectionBeginsWithHalf) {
  EXPECT_EQ(begun_at_once(*connect("192.0.2.1")), kMany);
  flood(*connect("192.0.2.1"));
  const auto begun = begun_at_once(*connect("192.0.2.1"));
  EXPECT_GE(begun, kMany / 2);
  EXPECT_LT(begun, kMany * 3 / 4) << "the rest has its turn one by one";
  EXPECT_EQ(begun_at_once(*connect("192.0.2.2")), kMany) << "nobody else's doing";
}

TEST_F(Http2Returning, NorDoesItHelpToHaveOpenedThemBefore) {
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(connect("192.0.2.1"));
  for (const auto& client : clients) EXPECT_TRUE(is_read(*client));
  for (const auto& client : clients) flood(*client);
  EXPECT_LE(proxy().totals().requests, 1200u);
}

// The client has the same address as the flooder.
TEST_F(Http2Returning, WhoResetsNothingIsAnsweredAllTheSame) {
  const auto innocent = connect("192.0.2.1");
  EXPECT_TRUE(is_read(*innocent));
  for (int i = 0; i < 10; ++i) flood(*connect("192.0.2.1"));
  upstream.answer({.body = "hello"});
  const auto late = connect("192.0.2.1");
  for (H2Client* const client : {innocent.get(), late.get()}) {
    std::vector<std::uint32_t> ids;
    for (int i = 0; i < 30; ++i) ids.push_back(client->request(h2_get()));
    for (const auto id : ids) EXPECT_EQ(client->answer(id).body, "hello");
  }
}

TEST_F(Http2Returning, ATrustedBalancersClientsAreManyAndPayForNobody) {
  setup.trusted_proxies = {"192.0.2.1"};
  for (int i = 0; i < 3; ++i) flood(*connect("192.0.2.1"));
  EXPECT_EQ(begun_at_once(*connect("192.0.2.1")), kMany);
}

TEST_F(Http2Flood, AnswersThatNobodyReadsAreBounded) {
  setup.limits.http2.pings = 1'000'000;
  H2Client client(TcpStream::Dial{port(), 4096});
  client.try_send(times(200'000, h2_frame(kH2Ping, 0, 0, "12345678")), 2s);
  EXPECT_TRUE(eventually([&] { return abuses("queued_frames") == 1; }));
}

}  // namespace
}  // namespace cutwater::test
