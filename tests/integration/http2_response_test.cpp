// Tests response heads to HTTP/2 clients: long ones, many at once, and ones that must wait for
// room.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/integration/http2_fixture.hpp"

namespace cutwater::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Http2Response : public Http2Edge {
 protected:
  // The answers have no body and 14 KiB each, and their heads tell which request they belong to.
  // Five in a row share a group: the second would put it into the client's table.
  void answer_with_long_heads(const std::string& before = "") {
    blue.on_request([before](const Received& request, UpstreamConnection& connection) {
      const std::string group = std::to_string(std::stoi(request.target().substr(1)) / 5);
      connection.send(before + "HTTP/1.1 204 No Content\r\nX-Target: " + request.target() +
                      "\r\nX-Group: " + group + "\r\nX-Filler: " + std::string(14'000, 'f') +
                      "\r\n\r\n");
    });
  }
  // Asks for more than the sockets between the two hold, from a client that does not read: the last
  // answers wait in the proxy, which is done with their requests.
  std::vector<std::uint32_t> ask_without_reading(H2Client& client) {
    std::vector<std::uint32_t> ids;
    for (std::size_t i = 0; i < more_; ++i)
      ids.push_back(client.request(h2_get("/" + std::to_string(i))));
    EXPECT_TRUE(eventually([&] { return attempts() == more_; }));
    return ids;
  }
  static std::size_t most_a_socket_holds() {
    std::ifstream file("/proc/sys/net/ipv4/tcp_wmem");
    std::size_t least = 0, first = 0, most = 0;
    file >> least >> first >> most;
    EXPECT_GT(most, 0u);
    return most;
  }
  H2Client client_of_small_window() {
    setup.limits.http2.max_streams = static_cast<std::uint32_t>(more_);
    setup.limits.http2.queued_frames = static_cast<std::uint32_t>(10 * more_);
    return H2Client(TcpStream::Dial{.port = port(), .receive_buffer = 4096});
  }

  const std::size_t more_ = most_a_socket_holds() / 14'000 + 100;
};

TEST_F(Http2Response, AHeadOfMoreThanAFrameComesWhole) {
  const std::string first(9'000, 'a'), second(9'000, 'b');
  blue.answer(200, "body", "X-First: " + first + "\r\nX-Second: " + second + "\r\n");
  H2Client client(port());
  for (int i = 0; i < 2; ++i) {
    const H2Answer answer = client.get();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("x-first"), first);
    EXPECT_EQ(answer.field("x-second"), second);
    EXPECT_EQ(answer.body, "body");
  }
}

TEST_F(Http2Response, AClientThatResizesItsTableReadsOn) {
  blue.answer(200, "body", "X-A: 1\r\nX-B: 2\r\n");
  H2Client client(port());
  const auto expect_answers = [&] {
    for (int i = 0; i < 4; ++i) {  // by then the fields are in the table
      const H2Answer answer = client.get();
      EXPECT_EQ(answer.field("x-a"), "1");
      EXPECT_EQ(answer.field("x-b"), "2");
      EXPECT_EQ(answer.body, "body");
    }
  };
  expect_answers();
  client.resize_table({0});
  expect_answers();
  client.resize_table({300});
  expect_answers();
  client.resize_table({65'536});
  expect_answers();
  client.resize_table({0, 4'096});  // gone and back in one frame
  expect_answers();
}

TEST_F(Http2Response, HeadsOfEveryKindTakeTurnsOnOneConnection) {
  const std::string filler(20'000, 'f');
  blue.on_request([&](const Received& request, UpstreamConnection& connection) {
    if (request.target() == "/interim")
      connection.send("HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n");
    if (request.target() == "/trailers")
      connection.send(
          "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
          "4\r\nbody\r\n0\r\nX-A: 1\r\n\r\n");
    else
      connection.answer(
          200, "body",
          "X-A: 1\r\n" + (request.target() == "/long" ? "X-F: " + filler + "\r\n" : ""));
  });
  H2Client client(port());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.get("/plain").field("x-a"), "1");
    const H2Answer interim = client.get("/interim");
    EXPECT_THAT(interim.interim, ElementsAre(103));
    EXPECT_EQ(interim.field("x-a"), "1");
    const H2Answer trailers = client.get("/trailers");
    EXPECT_EQ(trailers.field("x-a"), "1");
    EXPECT_EQ(trailers.trailer("x-a"), "1");
    const H2Answer whole = client.get("/long");
    EXPECT_EQ(whole.field("x-a"), "1");
    EXPECT_EQ(whole.field("x-f"), filler);
    auto trace = h2_get("/own");
    trace[0].second = "TRACE";
    EXPECT_EQ(client.answer(client.request(trace)).status, 405) << "an answer of our own";
  }
}

TEST_F(Http2Response, HeadsThatWaitForRoomComeWholeAndToTheRightStream) {
  answer_with_long_heads();
  H2Client client = client_of_small_window();
  const auto ids = ask_without_reading(client);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const H2Answer answer = client.answer(ids[i]);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.field("x-target"), "/" + std::to_string(i));
    EXPECT_EQ(answer.field("x-filler").size(), 14'000u);
  }
}

TEST_F(Http2Response, InterimHeadsThatWaitAreNotTakenForTheFinalOnes) {
  answer_with_long_heads("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  H2Client client = client_of_small_window();
  const auto ids = ask_without_reading(client);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const H2Answer answer = client.answer(ids[i]);
    EXPECT_THAT(answer.interim, ElementsAre(103));
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.field("x-target"), "/" + std::to_string(i));
  }
}

TEST_F(Http2Response, TrailersThatWaitComeWholeAndToTheRightStream) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    const std::string target = request.target();
    connection.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Filler: " + std::string(14'000, 'f') +
        "\r\n\r\n2710\r\n" + std::string(10'000, 'b') + "\r\n0\r\nX-Target: " + target +
        "\r\nX-Filler: " + std::string(2'000, 't') + "\r\n\r\n");
  });
  H2Client client = client_of_small_window();
  std::vector<std::uint32_t> ids;
  for (std::size_t i = 0; i < more_; ++i)
    ids.push_back(client.request(h2_get("/" + std::to_string(i))));
  EXPECT_TRUE(eventually([&] { return blue.requests() == more_; }));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const H2Answer answer = client.answer(ids[i]);
    EXPECT_EQ(answer.body.size(), 10'000u);
    EXPECT_EQ(answer.trailer("x-target"), "/" + std::to_string(i));
    EXPECT_EQ(answer.trailer("x-filler").size(), 2'000u);
  }
}

TEST_F(Http2Response, AStreamThatIsTakenBackWhileItsHeadWaitsTakesNoOtherAlong) {
  answer_with_long_heads();
  H2Client client = client_of_small_window();
  const auto ids = ask_without_reading(client);
  for (std::size_t i = 1; i < ids.size(); i += 5) client.send(h2_reset(ids[i]));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 5 == 1) continue;
    const H2Answer answer = client.answer(ids[i]);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.field("x-target"), "/" + std::to_string(i));
    EXPECT_EQ(answer.field("x-group"), std::to_string(i / 5));
  }
  EXPECT_THAT(blue.problems(), IsEmpty());
}

}  // namespace
}  // namespace cutwater::test
