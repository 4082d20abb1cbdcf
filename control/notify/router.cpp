#include "control/notify/router.hpp"

#include <algorithm>

#include "control/notify/event.hpp"

namespace cutwater::control::notify {
namespace {

using Operation = OutboxItem::Operation;

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool about_its_services(const config::Channel& channel, const boost::json::object& event) {
  return channel.services.empty() || contains(channel.services, member(event, "service"));
}

bool wants(const config::Channel& channel, const boost::json::object& event) {
  if (!channel.on.empty()) return contains(channel.on, member(event, "kind"));
  return !has_incidents(channel.kind) ||
         severity_from(member(event, "severity")) >= Severity::Error;
}

OutboxItem item_for(const config::Channel& channel, const boost::json::object& event,
                    std::int64_t now_ms) {
  OutboxItem item;
  item.channel = channel.name;
  item.event = event;
  item.created_ms = now_ms;
  item.not_before_ms = now_ms;
  item.expires_ms = now_ms + channel.expire.count();
  return item;
}

// The end of a rollout has one name, however often and by whom it is written down.
std::string event_id_of(const Decision& decision, std::string_view kind) {
  if (is_end(kind) && !decision.rollout.empty()) return decision.rollout + "-" + std::string(kind);
  return "decision-{seq}";
}

}  // namespace

void Router::set_open(const std::vector<OpenTopic>& topics) {
  open_.clear();
  for (const auto& open : topics) open_.emplace(open.channel, open.topic);
}

const config::Channel* Router::find(const std::string& name) const {
  for (const auto& channel : channels_)
    if (channel.name == name) return &channel;
  return nullptr;
}

std::vector<OutboxItem> Router::address(const std::vector<Decision>& decisions,
                                        std::int64_t now_ms) const {
  std::vector<OutboxItem> out;
  auto open = open_;  // as it will be after each decision
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const Decision& decision = decisions[i];
    const boost::json::object event = event_of(decision);
    const std::string_view kind = kind_of_action(decision.action);
    for (const auto& channel : channels_) {
      if (!about_its_services(channel, event)) continue;
      OutboxItem item = item_for(channel, event, now_ms);
      item.decision = i;
      item.topic = topic_of(decision);
      item.event_id = event_id_of(decision, kind);
      if (!has_incidents(channel.kind)) {
        if (wants(channel, event)) out.push_back(std::move(item));
        continue;
      }
      // A restart leaves an undecided rollout as undecided as it was.
      if (kind == "resumed" && decision.cause == "restart") continue;
      const bool wanted = wants(channel, event);
      const bool passes =  // an incident that ends by itself
          kind == "rolled_back" || (kind == "flags" && decision.cause == "guard");
      // The revert's own resolve does not end it; and each direct revert is ended only by its own.
      if (decision.action == "undo_failed") item.topic += "/undo";
      if (passes && wanted && decision.rollout.empty()) item.topic += "/" + std::to_string(now_ms);
      const std::pair incident(channel.name, item.topic);
      if (closes_incident(kind) || (kind == "rolled_back" && !wanted)) {
        if (open.erase(incident) == 0) continue;
        item.operation = Operation::Resolve;
        out.push_back(std::move(item));
      } else if (wanted) {
        item.operation = Operation::Trigger;
        out.push_back(item);
        open.insert(incident);
        if (!passes) continue;
        item.operation = Operation::Resolve;
        item.event_id += "-resolved";
        item.not_before_ms += kResolveAfter.count();
        item.expires_ms += kResolveAfter.count();
        out.push_back(std::move(item));
        open.erase(incident);
      }
    }
  }
  return out;
}

std::vector<OutboxItem> Router::address(const Notice& notice, std::int64_t now_ms) const {
  std::vector<OutboxItem> out;
  for (const auto& channel : channels_) {
    if (!about_its_services(channel, notice.event)) continue;
    OutboxItem item = item_for(channel, notice.event, now_ms);
    item.event_id = notice.event_id;
    item.topic = notice.topic;
    if (has_incidents(channel.kind)) {
      item.operation = notice.resolve ? Operation::Resolve : Operation::Trigger;
      if (notice.resolve ? !is_open(channel.name, notice.topic) : !wants(channel, notice.event))
        continue;
    } else if (!wants(channel, notice.event)) {
      continue;
    }
    out.push_back(std::move(item));
  }
  return out;
}

void Router::written(const std::vector<OutboxItem>& items) {
  for (const OutboxItem& item : items) {
    if (item.operation == Operation::Trigger) open_.emplace(item.channel, item.topic);
    if (item.operation == Operation::Resolve) open_.erase({item.channel, item.topic});
  }
}

}  // namespace cutwater::control::notify
