#include "control/notify/event.hpp"

#include <algorithm>

#include "config/notify.hpp"
#include "control/base/json_text.hpp"
#include "control/state/views.hpp"

namespace cutwater::control::notify {
namespace json = boost::json;
namespace {

constexpr std::string_view kSeverities[] = {"info", "warning", "error", "critical"};

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string weights_of(const json::object& event) {
  const auto* after = event.if_contains("after");
  const auto* weights =
      after != nullptr && after->is_object() ? after->as_object().if_contains("weights") : nullptr;
  std::string out;
  if (weights == nullptr || !weights->is_object()) return out;
  for (const auto& [version, share] : weights->as_object()) {
    if (!share.is_number() || share.to_number<double>() == 0) continue;
    out += (out.empty() ? "" : ", ") + std::string(version) + " " + to_text(share) + " %";
  }
  return out;
}

}  // namespace

std::string_view to_string(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

Severity severity_from(std::string_view text) {
  for (std::size_t i = 0; i < std::size(kSeverities); ++i)
    if (kSeverities[i] == text) return static_cast<Severity>(i);
  return Severity::Info;
}

std::string_view kind_of_action(std::string_view action) {
  for (const std::string_view known : config::kNotifyEvents)
    if (known == action) return known;
  if (action.starts_with("flag")) return "flags";
  if (action == "expired") return "aborted";  // an expired rollout ends as aborted
  if (action.find("approval") != std::string_view::npos) return "approval";
  return "other";
}

Severity severity_of(std::string_view kind, std::string_view cause) {
  if (kind == "rolled_back") return cause == "manual" ? Severity::Warning : Severity::Critical;
  if (kind == "inconclusive") return Severity::Error;
  if (kind == "held" && one_of(cause, {"common_cause", "baseline_failing"})) return Severity::Error;
  if (kind == "flags" && cause == "guard") return Severity::Error;
  if (one_of(kind, {"held", "aborted", "rejected", "paused", "lease_expired", "extended", "dora"}))
    return Severity::Warning;
  return Severity::Info;
}

bool is_end(std::string_view kind) {
  return one_of(kind, {"promoted", "rolled_back", "aborted", "rejected"});
}

bool closes_incident(std::string_view kind) {
  return one_of(kind, {"started", "advanced", "resumed", "approved", "promoted", "aborted",
                       "rejected", "unlocked", "weights_set"});
}

json::object event_of(const Decision& decision) {
  json::object event = decision_view(decision);
  const std::string_view kind = kind_of_action(decision.action);
  event["kind"] = kind;
  Severity severity = severity_of(kind, decision.cause);
  if (decision.action == "undo_failed") severity = Severity::Critical;
  if (one_of(decision.action, {"mirror_failed", "flag_held"})) severity = Severity::Warning;
  event["severity"] = to_string(severity);
  return event;
}

json::object test_event(const std::string& time) {
  return {{"kind", "other"},
          {"action", "test"},
          {"cause", "manual"},
          {"severity", "info"},
          {"time", time},
          {"reason", "This is a test: notifications of this Cutwater arrive here."}};
}

std::string topic_of(const Decision& decision) {
  if (!decision.rollout.empty()) return decision.rollout;
  return decision.service.empty() ? decision.action : "service/" + decision.service;
}

std::string member(const json::object& event, std::string_view name) {
  const auto* value = event.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

std::string title_of(const json::object& event) {
  std::string action = member(event, "action");
  std::replace(action.begin(), action.end(), '_', ' ');
  const std::string service = member(event, "service");
  const std::string cause = member(event, "cause");
  return (service.empty() ? "Cutwater" : service) + ": " + action +
         (cause.empty() ? "" : " (" + cause + ")");
}

std::string text_of(const json::object& event) {
  const std::string reason = member(event, "reason");
  return reason.empty() ? title_of(event) : reason;
}

std::string details_of(const json::object& event) {
  std::string out;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) out += (out.empty() ? "" : " \u00b7 ") + part;
  };
  const std::string rollout = member(event, "rollout");
  const std::string actor = member(event, "actor");
  add(rollout.empty() ? "" : "rollout " + rollout);
  add(weights_of(event));
  add(actor.empty() ? "" : "by " + actor);
  return out;
}

}  // namespace cutwater::control::notify
