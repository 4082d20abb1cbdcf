// Says whom to tell what happens (`notify:`), and how long history is kept (`history:`). The data
// plane never sees these parts of the file, and therefore they are not in model.hpp. They are plain
// values whose initialisers are the documented defaults.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace cutwater::config {

// Lists what a channel may be told: the words of `on:`. An event that has none of these names is
// "other".
inline constexpr std::array<std::string_view, 20> kNotifyEvents = {
    "started",  "advanced",    "held",     "inconclusive", "extended",
    "paused",   "resumed",     "approval", "approved",     "rejected",
    "promoted", "rolled_back", "aborted",  "weights_set",  "lease_expired",
    "unlocked", "flags",       "reloaded", "dora",         "other"};

struct Channel {
  enum class Kind { Slack, PagerDuty, Alertmanager, Webhook };
  // Holds a value and what may be shown of it: "${env:NAME}", or the value itself when it is not a
  // secret.
  struct Reference {
    std::string value;
    std::string origin;
  };
  std::string name;  // default: the kind; for a second one "slack-2"
  Kind kind = Kind::Webhook;
  Reference url;                      // PagerDuty and a Slack bot have a default
  Reference key;                      // PagerDuty: the integration's routing key
  Reference token;                    // Slack: of a bot; with it, each rollout gets one thread
  Reference secret;                   // Webhook: signs what is sent
  std::string room;                   // Slack, with `token`: "#deploys"; `channel:` in the file
  std::vector<std::string> on;        // if empty, a choice that suits the kind
  std::vector<std::string> services;  // empty means all
  std::string ca;                     // PEM file; if empty, the system's
  std::chrono::milliseconds expire = std::chrono::hours(24);  // then the message is given up
};
std::string_view to_string(Channel::Kind kind);

struct History {
  std::chrono::milliseconds keep = std::chrono::hours(24 * 400);  // decisions, audit, rollouts
};

struct Operations {
  std::vector<Channel> notify;
  History history;
};

}  // namespace cutwater::config
