// Decides who is told what: it applies channels and their filters to the decisions of a change,
// just before the change is written. It runs on control's thread. It remembers which incidents are
// open, so that only those are resolved. It does no I/O; the time is an argument.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/notify.hpp"
#include "control/store/records.hpp"

namespace cutwater::control::notify {

// A reverted version needs no person once its traffic has stayed away for this long.
inline constexpr std::chrono::milliseconds kResolveAfter = std::chrono::minutes(10);

// PagerDuty and Alertmanager know incidents, with a beginning and an end; the other kinds know
// messages.
constexpr bool has_incidents(config::Channel::Kind kind) {
  return kind == config::Channel::Kind::PagerDuty || kind == config::Channel::Kind::Alertmanager;
}

class Router {
 public:
  void adopt(std::vector<config::Channel> channels) { channels_ = std::move(channels); }
  void set_open(const std::vector<OpenTopic>& topics);
  const std::vector<config::Channel>& channels() const { return channels_; }
  const config::Channel* find(const std::string& name) const;

  // Makes the messages of these decisions; indices count into the decisions.
  std::vector<OutboxItem> address(const std::vector<Decision>& decisions,
                                  std::int64_t now_ms) const;
  // Describes something that is not a decision (DORA): `resolve` ends its incident.
  struct Notice {
    std::string event_id;
    std::string topic;
    boost::json::object event;
    bool resolve = false;
  };
  std::vector<OutboxItem> address(const Notice& notice, std::int64_t now_ms) const;

  void written(const std::vector<OutboxItem>& items);

 private:
  bool is_open(const std::string& channel, const std::string& topic) const {
    return open_.contains({channel, topic});
  }
  std::vector<config::Channel> channels_;
  std::set<std::pair<std::string, std::string>> open_;  // channel, topic
};

}  // namespace cutwater::control::notify
