// Puts an outbox item into the form each kind of channel wants, and says what the channel's answer
// means. It is pure: it builds requests and sends nothing. The sources are Slack incoming webhooks
// and chat.postMessage, PagerDuty Events API v2, Alertmanager API v2, CloudEvents 1.0 (structured
// JSON) with Standard Webhooks signature.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "config/notify.hpp"
#include "control/base/http_client.hpp"
#include "control/store/history_records.hpp"

namespace cutwater::control::notify {

struct Letter {
  const config::Channel& channel;
  const OutboxItem& item;
  std::string thread;  // Slack: ts of the topic's first message
  std::string source;  // says which Cutwater sends it: "cutwater/HOST"
  std::int64_t now_ms = 0;
};
HttpRequest write_letter(const Letter& letter);

struct Reception {
  enum class Kind {
    Delivered,
    Retry,    // not now: the receiver is away, busy or broken, or the token or URL is wrong
    Refused,  // never: the receiver does not understand this very message
  };
  Kind kind = Kind::Retry;
  std::string detail = {};                              // why, for a person; no secrets
  std::string receipt = {};                             // Slack: ts
  std::optional<std::chrono::milliseconds> after = {};  // asked for by Retry-After
};
Reception read_answer(const config::Channel& channel, const HttpOutcome& outcome);

}  // namespace cutwater::control::notify
