#include "control/steering/takeover.hpp"

#include <utility>

namespace cutwater::control {

NextConfig Takeover::fit(config::Config written, const ServiceState* changed) const {
  const Services& services = parts_.services;
  const std::int64_t wall_ms = parts_.clocks.wall_ms();
  NextConfig next;
  next.from = changed == nullptr ? config_path_ : "request";
  next.config = next.written = std::move(written);
  for (config::Service& service : next.config.services) {
    const ServiceEntry* running = services.find(service.name);
    const ServiceEntry* known = running;
    if (const auto old = retired_.find(service.name); running == nullptr && old != retired_.end())
      known = &old->second;  // back again, with what was decided about it
    ServiceEntry& entry = next.entries[service.name];
    if (known != nullptr)
      entry = *known;
    else
      entry.state = first_state(service);
    if (changed != nullptr && changed->name == service.name) entry.state = *changed;
    service = in_force(entry.state, service, wall_ms, next.change.decisions);
    for (auto& text : fit_to_config(entry, service)) next.refuse(std::move(text));
    if (running != nullptr)
      forget_moved(entry.state, *services.find_config(service.name), service, wall_ms,
                   next.change.decisions);
    lift_lock_outs(entry.state, service, wall_ms, next.change.decisions);
    note_lock_outs(entry.state, service);
    // If a version of this name comes again, its counters begin at zero.
    const auto gone = [&service](const auto& kept) { return !service.find_version(kept.first); };
    std::erase_if(entry.windows, gone);
    std::erase_if(entry.recent, gone);
    if (known == nullptr || !(entry.state == known->state)) {
      ++entry.state.generation;
      next.change.services.push_back(entry.state);
    }
  }
  for (const auto& [name, entry] : services.entries())
    if (!next.entries.contains(name) && entry.rollout)
      next.refuse("services: `" + name + "` has the active rollout " + entry.rollout->id +
                  "; end it before removing it");
  return next;
}

Awaitable<std::optional<NotTaken>> Takeover::take_over(NextConfig next) {
  const auto state_of = [&next](const std::string& service) {
    return &next.entries.at(service).state;
  };
  std::function<Resolution(Store&)> resolve =
      [&next, this, known = parts_.publisher.known(),
       rule = place_rule(next.config, state_of, {own_(), is_local_address}, next.put)](Store&) {
        return resolve_endpoints(next.config, next.from, resolver_, known, rule);
      };
  Resolution resolution = co_await parts_.store.run<Resolution>(std::move(resolve));
  const bool is_put = !next.put.second.empty();
  if (is_put && resolution.forbidden) co_return NotTaken(*std::move(resolution.forbidden));
  if (!resolution.problems.empty()) co_return NotTaken(std::move(resolution.problems));
  auto failed = co_await steering_.write(next.change);
  if (failed) co_return NotTaken(*std::move(failed));
  parts_.publisher.adopt(next.config, resolution);

  Services& services = parts_.services;
  ServiceEntries before =
      services.replace(std::move(next.written), std::move(next.config), std::move(next.entries));
  for (const auto& [name, entry] : services.entries()) {
    retired_.erase(name);
    const auto old = before.find(name);
    // A version that came back has new monitors, and is still locked out. Evidence of the others
    // goes on.
    const ServiceEntry none;
    parts_.guards.sync(old == before.end() ? none : old->second, entry.state, entry.active());
    parts_.flag_guards.sync(name);
  }
  for (auto& [name, entry] : before)
    if (!services.find(name)) retired_[name] = std::move(entry);
  co_await steering_.switch_workers();
  for (const auto& [name, entry] : services.entries()) parts_.guards.retire(name);
  if (on_published_) on_published_();
  co_return std::nullopt;
}

}  // namespace cutwater::control
