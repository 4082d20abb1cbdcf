#include "control/guards/flag_guards.hpp"

#include <boost/asio/post.hpp>

#include "control/guards/flag_ramp.hpp"
#include "control/snapshot/guard_policy.hpp"
#include "proxy/guard/comparison.hpp"

namespace cutwater::control {
namespace asio = boost::asio;

void FlagGuards::sync(const std::string& service) {
  const ServiceState& state = services_.at(service).state;
  const config::Service& config = *services_.find_config(service);
  const std::string compared = compared_flag(config, state);
  const auto stable = publisher_.monitor(service, state.stable);
  if (judges_flags(config, state)) guards_.witness(service, *stable);
  for (const auto& file : config.flags) {
    const auto monitor = publisher_.flag_monitor(service, file.name);
    if (!monitor) continue;
    const config::Flag flag = with_changes(file, state.find_flag(file.name));
    const bool on = file.ramp && flag.enabled;
    const bool armed = monitor->report(clocks_.now()).armed;
    if (on && !armed) arm(service, file.name);
    if (on) monitor->set_baseline(stable);
    if (!on && armed) monitor->disarm();
    if (!file.ramp) monitor->set_tripped(false);  // shut while it was a ramp
    if (on && ramp_is_over(flag)) monitor->set_comparison(nullptr);
    if (file.name != compared || monitor->comparison()) continue;
    guard::ComparisonPolicy policy = comparison_policy_of(flag_limits(config, file.name));
    policy.control_group = true;
    monitor->set_comparison(
        make_comparison(policy, config.timeouts, publisher_.workers(), clocks_.now()));
  }
}

void FlagGuards::arm(const std::string& service, const std::string& flag) {
  begin_step(service, flag);
  const std::weak_ptr<int> alive = alive_;
  const config::Guards limits = flag_limits(*services_.find_config(service), flag);
  publisher_.flag_monitor(service, flag)->arm(policy_of(limits), [this, alive, service, flag] {
    // This runs on a worker and only hands over. The flag matches nobody any more.
    asio::post(context_, [this, alive, service, flag] {
      if (!alive.expired() && on_trip_) on_trip_(service, flag);
    });
  });
}

Evidence FlagGuards::evidence(const std::string& service, const std::string& flag) const {
  const auto monitor = publisher_.flag_monitor(service, flag);
  const auto stable = publisher_.monitor(service, services_.at(service).state.stable);
  return {monitor->report(clocks_.now()), flag_limits(*services_.find_config(service), flag),
          stable->report(clocks_.now())};
}

std::uint64_t FlagGuards::steps_begun(const std::string& service, const std::string& flag) const {
  const auto found = steps_begun_.find({service, flag});
  return found == steps_begun_.end() ? 0 : found->second;
}

}  // namespace cutwater::control
