// Tests `limits.http2`, `protocol`, `grpc`: read, shown, refused.
#include "config/show.hpp"
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Http2Config, LimitsAreReadAndShown) {
  const Config config = read(std::string(kGood) +
                             "limits: {http2: {max_streams: 7, stream_window: 1MiB, pings: 5}}\n");
  EXPECT_EQ(config.limits.http2.max_streams, 7u);
  EXPECT_EQ(config.limits.http2.stream_window, 1048576u);
  EXPECT_EQ(config.limits.http2.pings, 5u);
  EXPECT_EQ(config.limits.http2.server_resets, 100u) << "the default stays";
  const std::string shown = show_json(config);
  EXPECT_EQ(show_json(read(shown)), shown);
}

TEST(Http2Config, VersionsNameTheirProtocol) {
  const Config config = read(
      "listeners: [{listen: \"127.0.0.1:1\", http2: false}]\n"
      "services: {s: {versions: {a: {endpoints: [\"http://h:1\"], protocol: h2},\n"
      "                          b: \"http://h:2\"}}}\n");
  EXPECT_FALSE(config.listeners[0].http2);
  EXPECT_EQ(config.services[0].versions[0].protocol, UpstreamProtocol::Http2);
  EXPECT_EQ(config.services[0].versions[1].protocol, UpstreamProtocol::Http1);
}

TEST(Http2Config, GrpcCodesByName) {
  const Config config = read(in_service("grpc: {error_codes: [UNAVAILABLE, NOT_FOUND]}"));
  EXPECT_EQ(config.services[0].grpc.error_codes, Grpc::mask({5, 14}));
  EXPECT_EQ(read(kGood).services[0].grpc.error_codes, Grpc::mask({2, 4, 8, 13, 14, 15}));
}

TEST(Http2Config, WhatIsRefused) {
  EXPECT_THAT(problems_in(in_service("grpc: {error_codes: [UNAVAILABEL]}")),
              ElementsAre(HasSubstr("did you mean `UNAVAILABLE`?")));
  EXPECT_THAT(problems_in(in_service("grpc: {error_codes: [OK]}")),
              ElementsAre(HasSubstr("and not OK")));
  EXPECT_THAT(problems_in(in_service("health: {service: x}")),
              ElementsAre(HasSubstr("only with `grpc: true`")));
  EXPECT_THAT(problems_in(std::string(kGood) + "limits: {http2: {max_stream: 7}}\n"),
              ElementsAre(HasSubstr("did you mean `max_streams`?")));
  EXPECT_THAT(problems_in(std::string(kGood) + "limits: {http2: {max_streams: 0}}\n"),
              ElementsAre(HasSubstr("`max_streams`")));
}

}  // namespace
}  // namespace cutwater::config
