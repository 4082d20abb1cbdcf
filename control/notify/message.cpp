#include "control/notify/message.hpp"

#include <algorithm>

#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/notify/event.hpp"
#include "control/notify/router.hpp"
#include "control/notify/webhook_signature.hpp"

namespace cutwater::control::notify {
namespace json = boost::json;
namespace {

using Kind = config::Channel::Kind;
using Operation = OutboxItem::Operation;

constexpr std::size_t kLongestSummary = 1024;  // PagerDuty
constexpr std::size_t kLongestDedupKey = 255;
constexpr auto kTimeout = std::chrono::seconds(10);
constexpr auto kLongestWait = std::chrono::hours(1);
// An alert that nobody resolves ends by itself, because we may be gone.
constexpr std::int64_t kLongestAlertMs = 24LL * 3600 * 1000;

// Returns a UTF-8 text of at most `most` bytes that is not cut inside a character.
std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

// Slack reads &, < and > as markup.
std::string slack_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string_view colour_of(const json::object& event) {
  if (member(event, "kind") == "promoted") return "good";
  switch (severity_from(member(event, "severity"))) {
    case Severity::Critical:
    case Severity::Error:
      return "danger";
    case Severity::Warning:
      return "warning";
    case Severity::Info:
      break;
  }
  return "#8a8a8a";
}

json::object slack_body(const Letter& letter) {
  const json::object& event = letter.item.event;
  json::object attachment{{"color", colour_of(event)},
                          {"text", slack_text(text_of(event))},
                          {"fallback", slack_text(text_of(event))},
                          {"footer", slack_text(details_of(event))}};
  json::object body{{"text", "*" + slack_text(title_of(event)) + "*"},
                    {"attachments", json::array{std::move(attachment)}}};
  if (letter.channel.room.empty()) return body;
  body["channel"] = letter.channel.room;
  if (letter.thread.empty() || member(event, "rollout").empty()) return body;
  body["thread_ts"] = letter.thread;
  // Everybody gets the end, not only readers who open the thread.
  body["reply_broadcast"] = is_end(member(event, "kind"));
  return body;
}

json::object pagerduty_body(const Letter& letter) {
  const json::object& event = letter.item.event;
  const bool resolve = letter.item.operation == Operation::Resolve;
  json::object body{
      {"routing_key", letter.channel.key.value},
      {"event_action", resolve ? "resolve" : "trigger"},
      {"dedup_key", shortened(letter.source + "/" + letter.item.topic, kLongestDedupKey)}};
  if (resolve) return body;
  body["client"] = "Cutwater";
  body["payload"] =
      json::object{{"summary", shortened(title_of(event) + ": " + text_of(event), kLongestSummary)},
                   {"source", letter.source},
                   {"severity", member(event, "severity")},
                   {"timestamp", member(event, "time")},
                   {"component", member(event, "service")},
                   {"group", letter.item.topic},
                   {"class", member(event, "kind")},
                   {"custom_details", event}};
  return body;
}

json::array alertmanager_body(const Letter& letter) {
  const json::object& event = letter.item.event;
  const std::string& topic = letter.item.topic;
  // The labels identify the alert, so they are the same when it begins and when it ends.
  json::object labels{
      {"alertname", topic.starts_with("dora/") ? "CutwaterDora" : "CutwaterRollout"},
      {"severity", topic.starts_with("dora/") ? "warning" : "critical"},
      {"instance", letter.source},
      {"topic", topic}};
  if (const std::string service = member(event, "service"); !service.empty())
    labels["service"] = service;
  json::object alert{{"labels", std::move(labels)}};
  if (letter.item.operation == Operation::Resolve) {
    alert["endsAt"] = time_text(letter.now_ms);
  } else {
    alert["startsAt"] = time_text(letter.item.created_ms);
    alert["endsAt"] = time_text(letter.now_ms + kLongestAlertMs);
  }
  alert["annotations"] =
      json::object{{"summary", title_of(event)}, {"description", text_of(event)}};
  return {std::move(alert)};
}

json::object cloud_event(const Letter& letter) {
  const json::object& event = letter.item.event;
  json::object body{{"specversion", "1.0"},
                    {"id", letter.item.event_id},
                    {"source", letter.source},
                    {"type", "io.cutwater." + member(event, "action")},
                    {"time", member(event, "time")},
                    {"datacontenttype", "application/json"},
                    {"data", event}};
  if (const std::string service = member(event, "service"); !service.empty())
    body["subject"] = service;
  return body;
}

Reception slack_answer(const HttpAnswer& answer) {
  // chat.postMessage answers 200 and says in the body what went wrong.
  boost::system::error_code error;
  const json::value body = json::parse(answer.body, error);
  if (error || !body.is_object()) return {Reception::Kind::Retry, "an answer that is not Slack's"};
  const auto* ok = body.as_object().if_contains("ok");
  if (ok != nullptr && ok->is_bool() && ok->as_bool())
    return {Reception::Kind::Delivered, {}, member(body.as_object(), "ts")};
  const std::string why = member(body.as_object(), "error");
  const bool our_message = (why.starts_with("invalid_") && why != "invalid_auth") ||
                           why == "msg_too_long" || why == "no_text" ||
                           why == "too_many_attachments";
  return {our_message ? Reception::Kind::Refused : Reception::Kind::Retry, "Slack says: " + why};
}

}  // namespace

HttpRequest write_letter(const Letter& letter) {
  const config::Channel& channel = letter.channel;
  HttpRequest request;
  request.url = channel.url.value;
  request.timeout = kTimeout;
  request.max_body = 16 * 1024;
  request.ca_file = channel.ca;
  std::string type = "application/json";
  switch (channel.kind) {
    case Kind::Slack:
      request.body = to_text(slack_body(letter));
      type = "application/json; charset=utf-8";
      if (!channel.token.value.empty())
        request.fields.emplace_back("Authorization", "Bearer " + channel.token.value);
      break;
    case Kind::PagerDuty:
      request.body = to_text(pagerduty_body(letter));
      break;
    case Kind::Alertmanager:
      request.url += (request.url.ends_with('/') ? "" : "/") + std::string("api/v2/alerts");
      request.body = to_text(alertmanager_body(letter));
      break;
    case Kind::Webhook:
      request.body = to_text(cloud_event(letter));
      type = "application/cloudevents+json; charset=utf-8";
      for (auto& field : signature_fields(
               channel.secret.value, {letter.item.event_id, letter.now_ms / 1000, request.body}))
        request.fields.push_back(std::move(field));
      break;
  }
  request.fields.emplace_back("Content-Type", type);
  return request;
}

Reception read_answer(const config::Channel& channel, const HttpOutcome& outcome) {
  if (!outcome.answer) return {Reception::Kind::Retry, outcome.error};
  const HttpAnswer& answer = *outcome.answer;
  if (answer.is_success()) {
    if (channel.kind == Kind::Slack && !channel.token.value.empty()) return slack_answer(answer);
    return {Reception::Kind::Delivered};
  }
  Reception out;
  out.detail = "answered " + std::to_string(answer.status);
  // A failure that is not about this very message may be mended while the message waits: a server
  // that is down, but also a token, a path or a redirect (which is not followed).
  if (answer.status == 400 || answer.status == 413 || answer.status == 422)
    out.kind = Reception::Kind::Refused;
  if (const auto seconds = config::parse_count(answer.field("Retry-After"), 1'000'000))
    out.after = std::min<std::chrono::milliseconds>(std::chrono::seconds(*seconds), kLongestWait);
  return out;
}

}  // namespace cutwater::control::notify
