#include "control/notify/webhook_signature.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cutwater::control {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(WebhookSignature, IsTheOneOfTheSpecificationsExample) {
  const HttpFields fields =
      signature_fields("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                       {"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"});
  EXPECT_THAT(fields, ElementsAre(Pair("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                                  Pair("webhook-timestamp", "1614265330"),
                                  Pair("webhook-signature",
                                       "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")));
}

TEST(WebhookSignature, TakesAnyOtherSecretAsItIs) {
  // The value comes from python3: hmac.new(b"plain", b'a.1.{"test": 2432232314}', "sha256")
  const HttpFields fields = signature_fields("plain", {"a", 1, R"({"test": 2432232314})"});
  EXPECT_EQ(fields.back().second, "v1,eLNHXW6qLDfqaoqCO18TgZ5RiCebVPmWWiLUOJ+4uWs=");
}

TEST(WebhookSignature, CoversIdTimeAndBody) {
  const auto sign = [](std::string_view secret, const WebhookMessage& message) {
    return signature_fields(secret, message).back().second;
  };
  const std::string original = sign("s", {"id", 7, "body"});
  EXPECT_NE(sign("t", {"id", 7, "body"}), original);
  EXPECT_NE(sign("s", {"it", 7, "body"}), original);
  EXPECT_NE(sign("s", {"id", 8, "body"}), original);
  EXPECT_NE(sign("s", {"id", 7, "bodi"}), original);
}

}  // namespace
}  // namespace cutwater::control
