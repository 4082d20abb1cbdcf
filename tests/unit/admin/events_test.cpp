// GET /v1/events as an EventSource meets it.
#include <gtest/gtest.h>

#include "tests/unit/admin/admin_harness.hpp"

namespace cutwater::control {
namespace {

Event event(std::uint64_t id, std::string data = "{}") {
  return {id, "decision", std::move(data)};
}

TEST(Events, ArriveAsTheyHappen) {
  RunningAdmin admin;
  RawClient client(admin);
  client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string head = client.read_until("retry: 1000\n\n");
  EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  admin.on_control([&] { admin.fake.publish(event(1, R"({"action":"advanced"})")); });
  EXPECT_EQ(client.read_until("\n\n"),
            "id: 1\nevent: decision\ndata: {\"action\":\"advanced\"}\n\n");
}

TEST(Events, ResumeAfterTheLastOneSeen) {
  RunningAdmin admin;
  for (std::uint64_t id = 1; id <= 5; ++id) admin.fake.events.push_back(event(id));
  RawClient client(admin);
  client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 3\r\n\r\n");
  const std::string text = client.read_until("id: 5\nevent: decision\ndata: {}\n\n");
  EXPECT_EQ(text.find("id: 3\n"), std::string::npos);
  EXPECT_NE(text.find("id: 4\n"), std::string::npos);
  EXPECT_EQ(admin.last_asked(), "subscribe after 3");
}

TEST(Events, DataOfSeveralLinesStaysOneEvent) {
  RunningAdmin admin;
  admin.fake.events.push_back(event(1, "a\nb"));
  RawClient client(admin);
  client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(client.read_until("b\n\n").find("data: a\ndata: b\n\n"), std::string::npos);
}

TEST(Events, AHeartbeatKeepsTheLineOpen) {
  AdminLimits limits;
  limits.heartbeat = std::chrono::milliseconds(10);
  RunningAdmin admin(local_admin(), limits);
  RawClient client(admin);
  client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(client.read_until(": still here\n\n"), "");
}

TEST(Events, AReaderTooSlowIsCutOffButCanResume) {
  AdminLimits limits;
  limits.queued_events = 3;
  RunningAdmin admin(local_admin(), limits);
  for (std::uint64_t id = 1; id <= 5; ++id) admin.fake.events.push_back(event(id));
  RawClient first(admin);
  first.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(first.read_until("id: 3\nevent: decision\ndata: {}\n\n"), "");
  EXPECT_TRUE(first.closed());
  RawClient second(admin);
  second.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 3\r\n\r\n");
  EXPECT_NE(second.read_until("id: 5\nevent: decision\ndata: {}\n\n"), "");
}

TEST(Events, TheSubscriptionEndsWithTheReader) {
  AdminLimits limits;
  limits.heartbeat = std::chrono::milliseconds(5);
  RunningAdmin admin(local_admin(), limits);
  {
    RawClient client(admin);
    client.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_until("retry: 1000\n\n");
  }
  bool subscribed = true;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (subscribed && std::chrono::steady_clock::now() < give_up) {
    admin.on_control([&] { subscribed = static_cast<bool>(admin.fake.sink); });
  }
  EXPECT_FALSE(subscribed);
}

}  // namespace
}  // namespace cutwater::control
