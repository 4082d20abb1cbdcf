// Tests bodies in both directions while they move: chunks, streams, early answers, 100-continue.
#include "tests/integration/edge_fixture.hpp"

namespace cutwater::test {
namespace {

using Bodies = Edge;
using stats::Outcome;

// The text differs at every place, so that a lost or doubled piece shows.
std::string patterned(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>('a' + (i * 31 + i / 251 + i / 65'537) % 26);
  return text;
}

std::string in_chunks(const std::string& body, std::size_t chunk) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += chunk) {
    const std::string piece = body.substr(at, chunk);
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    out += size + piece + "\r\n";
  }
  return out + "0\r\n\r\n";
}

void echo(FakeUpstream& upstream, bool chunked) {
  upstream.on_request([chunked](const Received& request, UpstreamConnection& connection) {
    if (!chunked) return connection.answer(200, request.body);
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send(in_chunks(request.body, 1000));
  });
}

TEST_F(Bodies, ComeBackUnchangedWhateverTheirFramingAndSize) {
  for (const bool chunked_up : {false, true}) {
    for (const bool chunked_down : {false, true}) {
      echo(blue, chunked_down);
      RawClient client(port());
      for (const std::size_t size :
           {0, 1, 4'000, 4'097, 16'384, 65'535, 65'536, 65'537, 3'000'000}) {
        const std::string body = patterned(size);
        const std::string request =
            chunked_up ? kPost + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, 777)
                       : kPost + "Content-Length: " + std::to_string(size) + "\r\n\r\n" + body;
        client.send(request, 20s);
        const Response response = client.read_response(RawClient::To::Get, 20s);
        ASSERT_EQ(response.status, 200) << size;
        ASSERT_TRUE(response.complete) << size;
        ASSERT_EQ(response.body.size(), size);
        ASSERT_TRUE(response.body == body) << size << " bytes came back changed";
      }
    }
  }
}

TEST_F(Bodies, AChunkArrivesBeforeTheNextOneIsProduced) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n6\r\none\n\n\n\r\n");
    connection.wait_for_release();
    connection.send("6\r\ntwo\n\n\n\r\n0\r\n\r\n");
  });
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  EXPECT_EQ(client.reader().read_chunk(), "one\n\n\n");
  EXPECT_FALSE(client.has_input_within(0ms));
  blue.release();
  EXPECT_EQ(client.reader().read_chunk(), "two\n\n\n");
  EXPECT_EQ(client.reader().read_chunk(), "");
}

// The head alone must not wait for the first body byte.
TEST_F(Bodies, TheHeadArrivesBeforeTheBody) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    connection.wait_for_release();
    connection.send("ok");
  });
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  blue.release();
  EXPECT_EQ(client.reader().read_exactly(2), "ok");
}

TEST_F(Bodies, TheRequestStreamsToTheUpstreamAsItComes) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    const auto first = connection.reader().read_exactly(5);
    connection.send("HTTP/1.1 103 Early Hints\r\nX-Got: " + first.value_or("nothing") + "\r\n\r\n");
    const auto rest = connection.reader().read_exactly(5);
    connection.answer(200, rest.value_or("nothing"));
  });
  RawClient client(port());
  client.send(kPost + "Content-Length: 10\r\n\r\nfirst");
  const Response hint = client.read_response();
  EXPECT_EQ(hint.status, 103);
  EXPECT_EQ(hint.field("X-Got"), "first");
  client.send("later");
  EXPECT_EQ(client.read_response().body, "later");
}

// A pump whose two sides are always ready must let the other connections of its worker have their
// turn.
TEST_F(Bodies, AnEndlessDownloadDoesNotStarveItsNeighbours) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    if (request.target() != "/endless") return connection.answer(200, "ok");
    connection.send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string block(1024 * 1024, 'e');
    while (connection.send(block)) {
    }
  });
  std::vector<std::unique_ptr<RawClient>> greedy;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    greedy.push_back(std::make_unique<RawClient>(port()));
    greedy.back()->send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(greedy.back()->read_response_head().status, 200);
    readers.emplace_back([&client = *greedy.back()] {
      std::string bytes;
      while (client.stream().receive(bytes) == TcpStream::End::Open) bytes.clear();
    });
  }
  // If they starved, the first of these would wait until the endless ones end: never.
  for (int i = 0; i < 30; ++i) EXPECT_EQ(get(port(), "/neighbour").status, 200);
  for (auto& client : greedy) client->stream().shut_down_now();
  for (std::thread& reader : readers) reader.join();
}

TEST_F(Bodies, ContinueIsTheUpstreamsToSay) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    connection.answer(200, connection.reader().read_exactly(5).value_or("nothing"));
  });
  RawClient client(port());
  client.send(kPost + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 100);
  EXPECT_EQ(blue.wait_for_request().field("Expect"), "100-continue");
  client.send("hello");
  EXPECT_EQ(client.read_response().body, "hello");
}

TEST_F(Bodies, S42AnAnswerInsteadOfContinueKeepsTheFraming) {
  for (const int status : {417, 200}) {
    blue.on_head([status](const Received&, UpstreamConnection& connection) {
      connection.answer(status, "early");
      connection.wait_for_end();
    });
    RawClient client(port());
    client.send(kPost + "Expect: 100-continue\r\nContent-Length: 500\r\n\r\n");
    const Response response = client.read_response();
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.field("Connection"), "close") << "the body may still come";
    client.try_send(kGet + "\r\n");
    EXPECT_EQ(client.read_until_close(), "") << "those bytes are the body";
    EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }))
        << "an upstream that waits for a body cannot be reused";
  }
}

TEST_F(Bodies, S42BodySentAtOnceWithExpect) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.answer(417, "no");
    connection.wait_for_end();
  });
  RawClient client(port());
  client.send(kPost + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(client.read_response().status, 417);
}

TEST_F(Bodies, S43ExpectHasNoMeaningWithoutABodyOrInHttp10) {
  RawClient client(port());
  client.send(kGet + "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(blue.wait_for_request().field("Expect"), "<none>");
  RawClient old(port());
  old.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(old.read_response().status, 200);
  EXPECT_EQ(blue.wait_for_request().body, "hello");
}

TEST_F(Bodies, AnEarlyAnswerReachesTheClientWhileItStillSends) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.answer(413, "too much");
    connection.wait_for_end();
  });
  RawClient client(port());
  client.send(kPost + "Content-Length: 1000000\r\n\r\n" + std::string(1000, 'x'));
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.body, "too much");
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Success) == 1; }));
}

TEST_F(Bodies, AClientThatBreaksOffItsUploadIsNotTheVersionsFault) {
  RawClient client(port());
  client.send(kPost + "Content-Length: 1000000\r\n\r\n" + std::string(100'000, 'x'));
  ASSERT_TRUE(eventually([&] { return blue.open_connections() == 1; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::ClientAbort) == 1; }));
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  EXPECT_EQ(attempts(), 0u);
  EXPECT_EQ(proxy().totals().client_aborts, 1u);
}

TEST_F(Bodies, BadChunksAfterTheUploadHasBegunEndItWith400) {
  RawClient client(port());
  client.send(kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  ASSERT_TRUE(eventually([&] { return blue.open_connections() == 1; }));
  client.send("zz\r\n");
  EXPECT_EQ(client.read_response().status, 400);
  EXPECT_EQ(client.read_until_close(), "");
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  EXPECT_EQ(blue.received().at(0).body_complete, false);
  EXPECT_EQ(attempts(), 0u);
}

TEST_F(Bodies, U22AClientMayHalfCloseAndStillGetsItsAnswer) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(200, "late");
  });
  RawClient client(port());
  client.send(kGet + "\r\n").half_close();
  blue.wait_for_request();
  blue.release();
  EXPECT_EQ(client.read_response().body, "late");
}

}  // namespace
}  // namespace cutwater::test
