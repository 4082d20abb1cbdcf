#include "control/steering/event_log.hpp"

#include <vector>

#include "control/base/json_text.hpp"

namespace cutwater::control {

void EventLog::publish(std::string type, const boost::json::object& data) {
  kept_.push_back({next_id_++, std::move(type), to_text(data)});
  if (kept_.size() > kKept) kept_.pop_front();
  // A sink may end its own or another's subscription: go by number, not by iterator.
  std::vector<std::uint64_t> now;
  for (const auto& [number, sink] : *sinks_) now.push_back(number);
  const Event event = kept_.back();
  for (const std::uint64_t number : now) {
    const auto found = sinks_->find(number);
    if (found == sinks_->end()) continue;
    const auto sink = found->second;
    sink(event);
  }
}

std::shared_ptr<void> EventLog::subscribe(std::uint64_t after,
                                          std::function<void(const Event&)> sink) {
  for (const Event& event : kept_)
    if (event.id > after) sink(event);
  const std::uint64_t number = next_sink_++;
  (*sinks_)[number] = std::move(sink);
  const std::weak_ptr<Sinks> sinks = sinks_;
  return std::shared_ptr<void>(nullptr, [sinks, number](void*) {
    if (const auto alive = sinks.lock()) alive->erase(number);
  });
}

}  // namespace cutwater::control
