// Builds channels and decisions as the tests of notifications use them.
#pragma once

#include "config/notify.hpp"
#include "control/store/records.hpp"

namespace cutwater::control::notify {

inline config::Channel slack_hook() {
  config::Channel channel;
  channel.name = "slack";
  channel.kind = config::Channel::Kind::Slack;
  channel.url = {"http://127.0.0.1:1/services/T0/xyzzy", "${env:SLACK_URL}"};
  return channel;
}
inline config::Channel slack_bot() {
  config::Channel channel = slack_hook();
  channel.name = "deploys";
  channel.token = {"xoxb-1", "${env:TOKEN}"};
  channel.room = "#deploys";
  return channel;
}
inline config::Channel pagerduty() {
  config::Channel channel;
  channel.name = "pagerduty";
  channel.kind = config::Channel::Kind::PagerDuty;
  channel.url = {"http://127.0.0.1:1/v2/enqueue", ""};
  channel.key = {"pd-key", "${env:PD_KEY}"};
  return channel;
}
inline config::Channel alertmanager() {
  config::Channel channel;
  channel.name = "alertmanager";
  channel.kind = config::Channel::Kind::Alertmanager;
  channel.url = {"http://127.0.0.1:1", "http://127.0.0.1:1"};
  return channel;
}
inline config::Channel webhook() {
  config::Channel channel;
  channel.name = "webhook";
  channel.kind = config::Channel::Kind::Webhook;
  channel.url = {"http://127.0.0.1:1/hook", "http://127.0.0.1:1/hook"};
  channel.secret = {"s3cret", "${env:HOOK_SECRET}"};
  return channel;
}

inline Decision decided(const std::string& action, const std::string& cause,
                        const std::string& rollout = "r-1") {
  Decision out;
  out.time = "2026-11-23T10:00:00.000Z";
  out.service = "shop";
  out.rollout = rollout;
  out.action = action;
  out.cause = cause;
  out.actor = "cutwater";
  out.reason = "error rate of green is above 5%: 6 of 6 requests failed <&>";
  out.evidence = {{"e_value", 1274.4}};
  out.after = {{"weights", {{"blue", 100}, {"green", 0}}}};
  return out;
}

}  // namespace cutwater::control::notify
