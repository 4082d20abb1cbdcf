// Response heads to HTTP/2 clients: long ones, many at once, and ones that must wait for room.
#include <gmock/gmock.h>

#include "tests/integration/http2_fixture.hpp"

namespace cutwater::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Http2Response : public Http2Edge {
 protected:
  // Answers without a body, whose heads tell which request they belong to: 14 KiB each.
  void answer_with_long_heads(const std::string& before = "") {
    blue.on_request([before](const Received& request, UpstreamConnection& connection) {
      connection.send(before + "HTTP/1.1 204 No Content\r\nX-Target: " + request.target() +
                      "\r\nX-Filler: " + std::string(14'000, 'f') + "\r\n\r\n");
    });
  }
  // More than the sockets between the two hold, from a client that does not read: the last ones
  // wait in the proxy, which is done with their requests.
  static constexpr int kMore = 500;
  std::vector<std::uint32_t> ask_without_reading(H2Client& client) {
    std::vector<std::uint32_t> ids;
    for (int i = 0; i < kMore; ++i) ids.push_back(client.request(h2_get("/" + std::to_string(i))));
    EXPECT_TRUE(eventually([&] { return attempts() == kMore; }));
    return ids;
  }
  H2Client client_of_small_window() {
    setup.limits.http2.max_streams = kMore;
    return H2Client(TcpStream::Dial{.port = port(), .receive_buffer = 4096});
  }
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

TEST_F(Http2Response, AClientThatShrinksItsTableReadsOn) {
  H2Client client(port());
  blue.answer(200, "before", "X-A: 1\r\n");
  EXPECT_EQ(client.get().field("x-a"), "1");
  client.send(h2_settings({{1, 0}}));  // SETTINGS_HEADER_TABLE_SIZE
  blue.answer(200, "after", "X-A: 2\r\n");
  const H2Answer answer = client.get();
  EXPECT_EQ(answer.field("x-a"), "2");
  EXPECT_EQ(answer.body, "after");
}

TEST_F(Http2Response, HeadsThatWaitForRoomComeWholeAndToTheRightStream) {
  answer_with_long_heads();
  H2Client client = client_of_small_window();
  const auto ids = ask_without_reading(client);
  for (int i = 0; i < kMore; ++i) {
    const H2Answer answer = client.answer(ids[static_cast<std::size_t>(i)]);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.field("x-target"), "/" + std::to_string(i));
    EXPECT_EQ(answer.field("x-filler").size(), 14'000u);
  }
}

TEST_F(Http2Response, InterimHeadsThatWaitAreNotTakenForTheFinalOnes) {
  answer_with_long_heads("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  H2Client client = client_of_small_window();
  const auto ids = ask_without_reading(client);
  for (int i = 0; i < kMore; ++i) {
    const H2Answer answer = client.answer(ids[static_cast<std::size_t>(i)]);
    EXPECT_THAT(answer.interim, ElementsAre(103));
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.field("x-target"), "/" + std::to_string(i));
  }
}

TEST_F(Http2Response, AStreamThatIsTakenBackWhileItsHeadWaitsTakesNoOtherAlong) {
  answer_with_long_heads();
  H2Client client = client_of_small_window();
  const auto ids = ask_without_reading(client);
  for (std::size_t i = 0; i < ids.size(); i += 5) client.send(h2_reset(ids[i]));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 5 == 0) continue;
    const H2Answer answer = client.answer(ids[i]);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.field("x-target"), "/" + std::to_string(i));
  }
  EXPECT_THAT(blue.problems(), IsEmpty());
}

}  // namespace
}  // namespace cutwater::test
