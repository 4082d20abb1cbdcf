// Signs what is sent to a webhook, so that the receiver knows who sent it and when (Standard
// Webhooks 1.0, https://www.standardwebhooks.com: libraries for the receiving side exist). It is
// pure; any thread may call it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/base/http_client.hpp"

namespace cutwater::control {

// Says what a signature covers besides the secret: the same id is the same message, however often
// it is sent; an old timestamp is a replay.
struct WebhookMessage {
  std::string_view id;  // no dots
  std::int64_t unix_s = 0;
  std::string_view body;
};

// Makes webhook-id, webhook-timestamp and webhook-signature: "v1," and the base64 of HMAC-SHA-256
// over "ID.TIMESTAMP.BODY". A secret written "whsec_..." is base64 of the key; any other secret is
// the key itself.
HttpFields signature_fields(std::string_view secret, const WebhookMessage& message);

}  // namespace cutwater::control
