// Tests several requests on one connection: order, reuse, and what must never be read as a request.
#include "tests/integration/edge_fixture.hpp"

namespace cutwater::test {
namespace {

using Pipelining = Edge;

std::string get_request(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n";
}

// Answers every request with its own target.
void echo_targets(FakeUpstream& upstream) {
  upstream.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.answer(200, request.target());
  });
}

TEST_F(Pipelining, KeepsTheClientsAndTheUpstreamsConnection) {
  RawClient client(port());
  for (int i = 0; i < 20; ++i) {
    client.send(kGet + "\r\n");
    ASSERT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(blue.connections(), 1u);
  EXPECT_EQ(proxy().totals().downstream_accepted, 1u);
  EXPECT_EQ(proxy().totals().upstream_opened, 1u);
}

TEST_F(Pipelining, S24ABodyThenTheNextRequestInOneSegment) {
  echo_targets(blue);
  RawClient client(port());
  client.send(kPost + "X-First: 1\r\nContent-Length: 5\r\n\r\nhello" + get_request("/second"));
  EXPECT_EQ(client.read_response().body, "/p");
  EXPECT_EQ(client.read_response().body, "/second");
  const Received first = blue.wait_for_request();
  EXPECT_EQ(first.body, "hello");
  EXPECT_EQ(first.field("X-First"), "1");
  const Received second = blue.wait_for_request();
  EXPECT_EQ(second.body, "");
  EXPECT_EQ(second.field("X-First"), "<none>");
}

TEST_F(Pipelining, AChunkedBodyThenTheNextRequestCutAnywhere) {
  echo_targets(blue);
  const std::string both =
      kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get_request("/second");
  RawClient client(port());
  for (std::size_t cut = 1; cut < both.size(); ++cut) {
    client.send(both.substr(0, cut)).send(both.substr(cut));
    ASSERT_EQ(client.read_response().body, "/p") << "cut at " << cut;
    ASSERT_EQ(client.read_response().body, "/second") << "cut at " << cut;
  }
}

TEST_F(Pipelining, ABodyOfKnownLengthThenTheNextRequestCutAnywhere) {
  echo_targets(blue);
  const std::string both = kPost + "Content-Length: 5\r\n\r\nhello" + get_request("/second");
  RawClient client(port());
  for (std::size_t cut = 1; cut < both.size(); ++cut) {
    client.send(both.substr(0, cut)).send(both.substr(cut));
    ASSERT_EQ(client.read_response().body, "/p") << "cut at " << cut;
    ASSERT_EQ(client.read_response().body, "/second") << "cut at " << cut;
  }
}

TEST_F(Pipelining, S49TheGoodOnesAreAnsweredBeforeTheBadOneCloses) {
  echo_targets(blue);
  RawClient client(port());
  client.send(get_request("/1") + get_request("/2") + "GET /3 HTTP/1.1\r\n\r\n" +
              get_request("/4"));
  EXPECT_EQ(client.read_response().body, "/1");
  EXPECT_EQ(client.read_response().body, "/2");
  EXPECT_EQ(client.read_response().status, 400);
  EXPECT_EQ(client.read_until_close(), "");
  EXPECT_EQ(blue.requests(), 2u);
}

TEST_F(Pipelining, R20TenThousandInOneGoAreAnsweredInOrder) {
  echo_targets(blue);
  constexpr int kRequests = 10'000;
  std::string all;
  for (int i = 0; i < kRequests; ++i) all += get_request("/" + std::to_string(i));
  RawClient client(port());
  std::thread talking([&] { client.try_send(all, 20s); });
  int in_order = 0;
  while (in_order < kRequests && client.read_response().body == "/" + std::to_string(in_order))
    ++in_order;
  talking.join();
  EXPECT_EQ(in_order, kRequests);
  EXPECT_EQ(blue.connections(), 1u);
}

// Other clients are served while one client pipelines.
TEST_F(Pipelining, R20ANeighbourIsNotKeptWaiting) {
  echo_targets(blue);
  std::string all;
  for (int i = 0; i < 5'000; ++i) all += get_request("/");
  RawClient greedy(port());
  std::thread talking([&] { greedy.try_send(all, 20s); });
  EXPECT_EQ(greedy.read_response().status, 200);
  EXPECT_EQ(get(port(), "/neighbour").body, "/neighbour");
  EXPECT_LT(blue.requests(), 5'000u) << "it was served among them, not behind them";
  greedy.stream().shut_down_now();
  talking.join();
}

TEST_F(Pipelining, S41TheLateBodyOfALocallyAnsweredRequestIsNeverARequest) {
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port()}).route("*", "/only");
  RawClient client(port());
  const std::string late = get_request("/only/smuggled");
  client.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: " +
              std::to_string(late.size()) + "\r\n\r\n");
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.field("Connection"), "close");
  client.try_send(late);
  EXPECT_EQ(client.read_until_close(), "") << "the body was answered";
  EXPECT_EQ(blue.connections(), 0u);
}

TEST_F(Pipelining, S41NorIsABodyThatCameWithTheHead) {
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port()}).route("*", "/only");
  RawClient client(port());
  const std::string body = get_request("/only/smuggled");
  client.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body + get_request("/only/next"));
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 404);
  if (response.field("Connection") == "close") {
    EXPECT_EQ(client.read_until_close(), "");
    EXPECT_EQ(blue.connections(), 0u);
  } else {
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(blue.wait_for_request().target(), "/only/next");
  }
}

// A client that is still writing when it is refused gets to read the answer: no RST destroys it
// (RFC 9112 9.6).
TEST_F(Pipelining, ARefusedClientThatIsStillSendingReadsItsAnswer) {
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port()}).route("*", "/only");
  RawClient client(port());
  client.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
  client.send(std::string(25'000, 'x'));
  client.try_send(std::string(25'000, 'x'));
  EXPECT_EQ(client.read_response().status, 404);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
}

TEST_F(Pipelining, TheClientsWishToCloseIsGranted) {
  RawClient client(port());
  client.send(get_request("/", "Connection: close\r\n") + get_request("/after"));
  const Response response = client.read_response();
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_EQ(client.read_until_close(), "") << "nothing after the last response";
  EXPECT_EQ(blue.requests(), 1u);
}

TEST_F(Pipelining, TheUpstreamsWishToCloseIsItsOwnAffair) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.answer(200, "ok", "Connection: close\r\n");
    connection.close();
  });
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet + "\r\n");
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.field("Connection"), "");
  }
  EXPECT_EQ(blue.connections(), 3u);
}

TEST_F(Pipelining, TheLimitOfRequestsPerConnectionEndsIt) {
  setup.limits.keepalive_requests = 3;
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet + "\r\n");
    EXPECT_EQ(client.read_response().field("Connection"), i == 2 ? "close" : "");
  }
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
}

TEST_F(Pipelining, AnIdleConnectionIsClosedInTheEnd) {
  setup.limits.keepalive_idle = 100ms;
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
  EXPECT_EQ(bad_requests(), 0u) << "that is no fault of the client's";
}

// --- HTTP/1.0 and HEAD ------------------------------------------------------------------------

TEST_F(Pipelining, Http10ClosesUnlessAskedToStay) {
  RawClient once(port());
  once.send("GET / HTTP/1.0\r\n\r\n");
  const Response response = once.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok");
  EXPECT_EQ(once.how_it_ends(), TcpStream::End::Fin);
  EXPECT_EQ(blue.wait_for_request().head.start_line, "GET / HTTP/1.1");

  RawClient stays(port());
  for (int i = 0; i < 2; ++i) {
    stays.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(stays.read_response().field("Connection"), "keep-alive");
  }
}

TEST_F(Pipelining, Http10GetsAnUnknownLengthByClosing) {
  blue.answer_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  RawClient client(port());
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const Response response = client.read_response();
  EXPECT_EQ(response.field("Transfer-Encoding"), "");
  EXPECT_EQ(response.body, "hello");
  EXPECT_TRUE(response.complete);
}

TEST_F(Pipelining, HeadHasALengthButNoBody) {
  RawClient client(port());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get_request("/next"));
  const Response response = client.read_response(RawClient::To::Head);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Content-Length"), "2");
  EXPECT_EQ(client.read_response().body, "ok") << "the next response is in step";
}

TEST_F(Pipelining, HeadOfALocalReplyHasNoBodyEither) {
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port()}).route("*", "/only");
  RawClient client(port());
  client.send("HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n" + get_request("/only"));
  EXPECT_EQ(client.read_response(RawClient::To::Head).status, 404);
  EXPECT_EQ(client.read_response().status, 200);
}

}  // namespace
}  // namespace cutwater::test
