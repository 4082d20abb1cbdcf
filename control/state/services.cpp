#include "control/state/services.hpp"

#include <utility>

namespace cutwater::control {

Services::Services(config::Config written, config::Config in_force, config::Operations operations,
                   std::map<std::string, RestoredService> restored)
    : written_(std::move(written)),
      config_(std::move(in_force)),
      operations_(std::move(operations)) {
  for (auto& [name, service] : restored)
    static_cast<RestoredService&>(entries_[name]) = std::move(service);
}

ServiceEntry* Services::find(const std::string& service) {
  const auto found = entries_.find(service);
  return found == entries_.end() ? nullptr : &found->second;
}

const ServiceEntry* Services::find(const std::string& service) const {
  const auto found = entries_.find(service);
  return found == entries_.end() ? nullptr : &found->second;
}

Services::OfRollout Services::find_rollout(const std::string& id) {
  for (auto& [name, entry] : entries_) {
    if (entry.rollout && entry.rollout->id == id) return {&entry, &*entry.rollout};
    for (const EngineState& finished : entry.finished)
      if (finished.id == id) return {&entry, &finished};
  }
  return {};
}

ServiceEntries Services::replace(config::Config written, config::Config in_force,
                                 ServiceEntries entries) {
  written_ = std::move(written);
  config_ = std::move(in_force);
  return std::exchange(entries_, std::move(entries));
}

}  // namespace cutwater::control
