#include "control/state/fit.hpp"

#include <algorithm>
#include <utility>

#include "control/base/rfc3339.hpp"
#include "control/state/views.hpp"
#include "proxy/base/random.hpp"

namespace cutwater::control {
namespace {

// A rolling rollout knows its endpoints by name until it ends.
void check_endpoints(const RestoredService& service, const config::Service& config,
                     std::vector<std::string>& problems) {
  if (!service.rollout) return;
  const EngineState& rollout = *service.rollout;
  const auto from = config.urls_of(rollout.from);
  const auto to = config.urls_of(rollout.to);
  const auto check = [&](const std::string& version, const std::set<std::string>& urls,
                         const std::string& url) {
    if (config.find_version(version) && !urls.contains(url))
      problems.push_back("services." + config.name + ".versions." + version + ": `" + url +
                         "` is part of rollout " + rollout.id +
                         "; end it before removing the endpoint");
  };
  for (const auto& pair : rollout.plan.endpoints) {
    check(rollout.from, from, pair.from);
    check(rollout.to, to, pair.to);
  }
}

void forget_off_duty(ServiceState& state, const config::Service& config) {
  for (auto it = state.off_duty.begin(); it != state.off_duty.end();) {
    const auto urls = config.urls_of(it->first);
    std::erase_if(it->second, [&urls](const std::string& url) { return !urls.contains(url); });
    it = it->second.empty() ? state.off_duty.erase(it) : std::next(it);
  }
}

// Says whether none of the endpoints is where it was.
bool runs_elsewhere(const std::set<std::string>& before, const std::set<std::string>& now) {
  return std::none_of(now.begin(), now.end(),
                      [&before](const std::string& url) { return before.contains(url); });
}

// What was changed about a flag lives as long as the flag.
void fit_flags(ServiceState& state, const config::Service& config) {
  std::map<std::string, FlagState> flags;
  for (const auto& flag : config.flags) {
    const auto had = state.flags.find(flag.name);
    if (had == state.flags.end()) continue;
    fit_to_flag(had->second, flag);
    if (!had->second.empty()) flags[flag.name] = std::move(had->second);
  }
  state.flags = std::move(flags);
  if (!config.mirror) state.mirror.reset();
}

}  // namespace

Decision decision_about(const std::string& version, const ServiceState& state,
                        const effect::Decide& said, std::int64_t wall_ms) {
  Decision decision = decision_of(state.name, said, wall_ms);
  decision.evidence["version"] = version;
  decision.after = state_summary(state, nullptr);
  return decision;
}

void release_last_good(ServiceState& state, const std::string& cause, const std::string& why,
                       std::int64_t wall_ms, std::vector<Decision>& decisions) {
  const std::string version = std::exchange(state.last_good, "");
  if (std::exchange(state.keep_old_until_ms, 0) == 0) return;
  const std::string reason = version + " " + why + ": it is not kept for a rollback any longer";
  decisions.push_back(
      decision_about(version, state, {"old_released", cause, reason, kSelf}, wall_ms));
}

bool has_users(const RestoredService& service, const config::Service& config,
               const std::string& version) {
  const ServiceState& state = service.state;
  const auto weight = state.weights.find(version);
  const auto& rollout = service.rollout;
  return version == state.stable || !sender_to(config, version).empty() ||
         (rollout && (rollout->from == version || rollout->to == version)) ||
         (weight != state.weights.end() && weight->second.millionths > 0);
}

ServiceState first_state(const config::Service& config) {
  ServiceState state;
  state.name = config.name;
  state.stable = config.stable.empty() ? config.versions.front().name : config.stable;
  state.salt = random_u64();
  for (const auto& version : config.versions) {
    const auto weight = config.weights.find(version.name);
    state.weights[version.name] = weight == config.weights.end() ? Share{} : weight->second;
  }
  if (config.weights.empty()) state.weights[state.stable] = Share::percent(100);
  return state;
}

std::vector<std::string> fit_to_config(RestoredService& service, const config::Service& config) {
  std::vector<std::string> problems;
  ServiceState& state = service.state;
  const std::string place = "services." + config.name + ".versions: ";
  if (!config.find_version(state.stable))
    problems.push_back(place + "`" + state.stable +
                       "` is the stable version and must stay; make another one stable first");
  for (const auto& [version, share] : state.weights)
    if (share.millionths > 0 && version != state.stable && !config.find_version(version))
      problems.push_back(place + "`" + version + "` still has " + to_string(share) +
                         " of the traffic; take it to 0% before removing it");
  if (service.rollout)
    for (const auto& version : {service.rollout->from, service.rollout->to})
      if (version != state.stable && !config.find_version(version))
        problems.push_back(place + "`" + version + "` is part of rollout " + service.rollout->id +
                           "; end it before removing the version");
  check_endpoints(service, config, problems);
  if (config.versions.size() > config::Service::kMostVersions)
    problems.push_back(place + "with those put there at run time there are " +
                       std::to_string(config.versions.size()) + " versions; a service may have " +
                       std::to_string(config::Service::kMostVersions));
  if (state.keep_old_until_ms != 0 && !state.last_good.empty() &&
      !config.find_version(state.last_good))
    problems.push_back(place + "`" + state.last_good + "` is kept for a rollback until " +
                       time_text(state.keep_old_until_ms) + " (`keep_old`)");
  if (!problems.empty()) return problems;
  forget_off_duty(state, config);

  std::map<std::string, Share> weights;
  for (const auto& version : config.versions) {
    const auto had = state.weights.find(version.name);
    weights[version.name] = had == state.weights.end() ? Share{} : had->second;
  }
  state.weights = std::move(weights);
  if (!config.find_version(state.last_good)) state.last_good.clear();
  fit_flags(state, config);
  if (service.rollout) {  // an abort gives back weights: of versions that exist
    for (auto it = service.rollout->before.begin(); it != service.rollout->before.end();)
      it = config.find_version(it->first) ? std::next(it) : service.rollout->before.erase(it);
  }
  return {};
}

config::Service in_force(ServiceState& state, const config::Service& written, std::int64_t wall_ms,
                         std::vector<Decision>& decisions) {
  for (const auto& [version, said] : take_overruled(state.versions, written)) {
    const std::string sender = said.removed() ? sender_to(written, version) : "";
    const std::string reason =
        sender.empty()
            ? "the file says something else of " + version +
                  " than when it was changed at run time: the file holds"
            : version + " is there again: " + sender + " of the file sends requests to it";
    decisions.push_back(
        decision_about(version, state, {"version_overruled", "file", reason, kSelf}, wall_ms));
  }
  return with_changes(written, state.versions);
}

void forget_moved(ServiceState& state, const config::Service& before, const config::Service& after,
                  std::int64_t wall_ms, std::vector<Decision>& decisions) {
  const std::string version = state.last_good;
  const auto now = after.urls_of(version);
  const auto then = before.urls_of(version);
  if (std::includes(then.begin(), then.end(), now.begin(), now.end())) return;
  release_last_good(state, "new_version", "has an endpoint that it did not have when it was good",
                    wall_ms, decisions);
}

void lift_lock_outs(ServiceState& state, const config::Service& config, std::int64_t wall_ms,
                    std::vector<Decision>& decisions) {
  for (const auto& [version, where] : state.locked_endpoints) {
    const auto now = config.urls_of(version);
    if (now.empty() || !runs_elsewhere(where, now)) continue;
    if (state.locked_out.erase(version) == 0) continue;
    const std::string reason =
        version + " has only new endpoints: what was reverted is not there any more";
    decisions.push_back(
        decision_about(version, state, {"unlocked", "new_version", reason, kSelf}, wall_ms));
  }
}

void note_lock_outs(ServiceState& state, const config::Service& config) {
  std::erase_if(state.locked_endpoints,
                [&state](const auto& known) { return !state.locked_out.contains(known.first); });
  std::erase_if(state.withdrawals,
                [&state](const auto& known) { return !state.locked_out.contains(known.first); });
  for (const std::string& version : state.locked_out)
    if (auto urls = config.urls_of(version); !urls.empty())
      state.locked_endpoints.try_emplace(version, std::move(urls));
}

}  // namespace cutwater::control
