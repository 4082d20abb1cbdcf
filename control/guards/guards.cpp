// Who is guarded, by which limits, held against whom.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <functional>
#include <utility>

#include "control/snapshot/guard_policy.hpp"
#include "control/steering/steering.hpp"
#include "proxy/guard/comparison.hpp"
#include "proxy/guard/confidence.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

// p0' of statistics.md 3: twice what the past can have been at most, but never so little that a
// handful of failures among thousands would be too many.
double limit_from_past(const RecentCounts::Counts& past) {
  constexpr double kAlpha = 0.0025;
  constexpr double kLeast = 0.005;
  const auto interval =
      guard::always_valid_interval(past.errors, past.requests - past.errors, kAlpha);
  return std::max(kLeast, 2 * interval.high);
}

}  // namespace

std::set<std::string> ControllerImpl::guarded(const ServiceState& state,
                                              const EngineState* rollout) const {
  std::set<std::string> out;
  for (const auto& [version, share] : state.weights)
    if (share.millionths > 0 && version != state.stable) out.insert(version);
  const bool active = rollout != nullptr && !is_terminal(rollout->phase);
  if (active && rollout->phase != Phase::RollingBack &&
      (rollout->to != state.stable || rollout->plan.is_rolling()))
    out.insert(rollout->to);
  // Promoted, and the one before is kept for a rollback: its guard watches on.
  if (out.empty() && !active && state.can_go_back()) out.insert(state.stable);
  return out;
}

// Evidence about stable says whether a failing candidate fails alone. One witness serves every
// version that is held against it, so it is not armed anew while it watches.
void ControllerImpl::witness(const std::string& service, guard::VersionMonitor& baseline) {
  if (baseline.report(setup_.now()).armed) return;
  guard::GuardPolicy policy = policy_of(find_config(service)->guards);
  policy.witness = true;
  policy.dry_run = false;  // it never trips, and that it fails must be seen
  baseline.arm(policy, {});
}

// On a worker: only hands over. The flag is set already, nothing is sent there any more.
std::function<void()> ControllerImpl::trip_of(const std::string& service,
                                              const std::string& version) {
  const std::weak_ptr<int> alive = alive_;
  return [this, alive, service, version] {
    asio::post(context_, [this, alive, service, version] {
      if (alive.expired()) return;
      asio::co_spawn(context_, on_trip(service, version), asio::detached);
    });
  };
}

void ControllerImpl::arm(const std::string& service, const GuardedPair& pair,
                         const EngineState* rollout) {
  const auto monitor = publisher_.monitor(service, pair.version);
  const config::Service* config = find_config(service);
  if (!monitor || config == nullptr) return;
  config::Guards limits = limits_in_force(config->guards, pair.version, rollout);
  if (rollout != nullptr && rollout->to == pair.version)
    limits.false_rollback *= rollout->alpha_share();
  // The whole and each of its routes look for a failure of their own.
  const auto routes = publisher_.route_guards(service, pair.version).size();
  limits.false_rollback /= static_cast<double>(1 + routes);
  const auto baseline = publisher_.monitor(service, pair.baseline);
  guard::Against against;
  if (baseline && baseline != monitor) {
    witness(service, *baseline);
    against.baseline = baseline;
    if (limits.relative)
      against.comparison = make_comparison(comparison_policy_of(limits), config->timeouts,
                                           publisher_.workers(), setup_.now());
  }
  monitor->arm(policy_of(limits), trip_of(service, pair.version), std::move(against));
  arm_routes(service, pair, limits);
}

// A route that fails shuts the version as a whole: users who find the checkout broken do not care
// that the rest of the shop is good.
void ControllerImpl::arm_routes(const std::string& service, const GuardedPair& pair,
                                const config::Guards& limits) {
  const auto whole = publisher_.monitor(service, pair.version);
  const auto& baselines = publisher_.route_guards(service, pair.baseline);
  const auto& routes = publisher_.route_guards(service, pair.version);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    guard::GuardPolicy policy = policy_of(limits_of(limits, routes[i].limits));
    policy.unproven_in_flight = 0;  // the version as a whole has its cap
    guard::Against against;
    if (i < baselines.size() && pair.baseline != pair.version) {
      witness(service, *baselines[i].monitor);
      against.baseline = baselines[i].monitor;
    }
    auto tell = trip_of(service, pair.version);
    if (!policy.dry_run)
      tell = [whole, then = std::move(tell)] {
        whole->set_tripped(true);
        then();
      };
    routes[i].monitor->arm(policy, std::move(tell), std::move(against));
  }
}

// The route whose guard has spoken; of several the one with the strongest evidence.
std::optional<Evidence> ControllerImpl::failed_route(const std::string& service,
                                                     const std::string& version) {
  const Entry& entry = entries_.at(service);
  const EngineState* rollout = entry.rollout ? &*entry.rollout : nullptr;
  const config::Guards limits = limits_in_force(find_config(service)->guards, version, rollout);
  std::optional<Evidence> worst;
  double most = 0;
  for (const auto& route : publisher_.route_guards(service, version)) {
    guard::GuardReport report = route.monitor->report(setup_.now());
    if (!report.armed || !report.failed_test) continue;
    double evidence = 0;
    for (const auto& test : report.tests)
      if (test.name == *report.failed_test) evidence = test.evidence / test.alarm_at;
    if (worst && evidence <= most) continue;
    most = evidence;
    worst = Evidence{std::move(report), limits_of(limits, route.limits), std::nullopt, route.route};
  }
  return worst;
}

// The worst first: by how near it is to an alarm.
json::array ControllerImpl::routes_view(const std::string& service, const std::string& version) {
  std::multimap<double, json::object, std::greater<>> sorted;
  for (const auto& route : publisher_.route_guards(service, version)) {
    const guard::GuardReport report = route.monitor->report(setup_.now());
    double nearest = 0;
    json::array tests;
    for (const auto& test : report.tests) {
      nearest = std::max(nearest, test.alarm_at > 0 ? test.evidence / test.alarm_at : 0);
      tests.push_back(test_json(test));
    }
    sorted.emplace(nearest, json::object{{"route", route.route},
                                         {"verdict", guard::to_string(report.verdict)},
                                         {"requests", samples(report)},
                                         {"tests", std::move(tests)}});
  }
  json::array out;
  for (auto& [nearest, view] : sorted) out.push_back(std::move(view));
  return out;
}

// The one version of the service that is compared with stable; empty if there is none, or several.
// Requests that a flag, a preview or a fall to stable has placed are not dealt by chance and have
// no part in it; a flag has a comparison of its own (compared_flag).
std::string ControllerImpl::compared(const Entry& entry) const {
  const auto versions = guarded(entry.state, entry.rollout ? &*entry.rollout : nullptr);
  return versions.size() == 1 ? *versions.begin() : "";
}

// T* of the relative latency guard, from the last minute of the baseline: before each change of
// weights, and once there has been enough traffic.
void ControllerImpl::freeze_latency(const std::string& service) {
  constexpr std::uint64_t kEnough = 100;
  Entry& entry = entries_.at(service);
  const auto monitor = publisher_.monitor(service, compared(entry));
  const auto comparison = monitor ? monitor->comparison() : nullptr;
  const auto baseline = publisher_.monitor(service, entry.state.stable);
  if (!comparison || !baseline || baseline == monitor) return;
  const Window window =
      entry.windows[entry.state.stable].last(Windows::kLong, setup_.now(), baseline->totals());
  const auto& latency = window.totals.latency;
  if (latency.count < kEnough) return;
  guard::Comparison::LatencyLimits quantiles{};
  for (std::size_t i = 0; i < quantiles.size(); ++i)
    quantiles[i] = latency.quantile(guard::Comparison::kQuantiles[i]);
  comparison->freeze_latency(guard::Comparison::limits_from(quantiles));
}

// All traffic is the candidate's: what stable did before is all there is to hold it against.
void ControllerImpl::hold_against_past(const std::string& service) {
  Entry& entry = entries_.at(service);
  const std::string version = compared(entry);
  const auto weight = entry.state.weights.find(version);
  if (weight == entry.state.weights.end() || weight->second != Share::percent(100)) return;
  // At the end of a rolling rollout the version is called stable already.
  const bool in_rollout = entry.rollout && entry.rollout->to == version;
  const std::string& before = in_rollout ? entry.rollout->from : entry.state.stable;
  const auto monitor = publisher_.monitor(service, version);
  const auto baseline = publisher_.monitor(service, before);
  if (!monitor || !baseline || baseline == monitor) return;
  const stats::VersionTotals totals = baseline->totals();
  const auto past = entry.recent[before].until({totals.attempts(), totals.errors()});
  if (past.requests > 0) monitor->hold_against_past(limit_from_past(past));
}

void ControllerImpl::compare_guards() {
  const TimePoint now = setup_.now();
  for (const auto& [name, entry] : entries_) {
    for (const auto& version : guarded(entry.state, entry.rollout ? &*entry.rollout : nullptr))
      if (const auto monitor = publisher_.monitor(name, version)) monitor->compare(now);
    for (const auto& flag : find_config(name)->flags)
      if (const auto monitor = publisher_.flag_monitor(name, flag.name)) monitor->compare(now);
  }
}

bool ControllerImpl::is_guarded(const std::string& service, const std::string& version) {
  const Entry* entry = find(service);
  return entry != nullptr &&
         guarded(entry->state, entry->rollout ? &*entry->rollout : nullptr).contains(version);
}

std::vector<std::pair<std::string, std::string>> ControllerImpl::refusing_lately() {
  std::vector<std::pair<std::string, std::string>> out;
  constexpr auto kFailed = static_cast<std::size_t>(stats::Outcome::ConnectFailed);
  for (auto& [name, entry] : entries_) {
    for (const auto& version : guarded(entry.state, entry.rollout ? &*entry.rollout : nullptr)) {
      const auto monitor = publisher_.monitor(name, version);
      if (!monitor) continue;
      const Window last = entry.windows[version].last(Seconds(2), setup_.now(), monitor->totals());
      if (last.totals.outcomes[kFailed] > 0) out.emplace_back(name, version);
    }
  }
  return out;
}

Endpoints ControllerImpl::guarded_endpoints(const std::string& service,
                                            const std::string& version) {
  if (!is_guarded(service, version)) return {};
  return endpoints_in_service(find(service)->state, version);
}

Awaitable<void> ControllerImpl::unfit(Unfit what) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Trip);
  co_await take_traffic(std::move(what));
}

// Without a rollout: all to stable, the bad one out. If that is stable itself, back to the one
// before, or nowhere when that cannot serve.
void ControllerImpl::revert_directly(Draft& draft, const std::string& version, const Why& why) {
  ServiceState& state = draft.state;
  if (version == state.stable) {
    if (capacity(state, state.last_good).millionths == 0) {
      decide(draft, {"held", why.cause,
                     why.reason + "; " + state.last_good +
                         " has no healthy endpoint to go back to, so " + version + " stays",
                     kSelf});
      state.keep_old_until_ms = 0;
      return;
    }
    state.stable = std::exchange(state.last_good, "");
    state.keep_old_until_ms = 0;
  }
  for (auto& [name, share] : draft.state.weights) share = Share{};
  draft.state.weights[draft.state.stable] = Share::percent(100);
  draft.state.locked_out.insert(version);
  decide(draft, why);
  draft.decisions.back().evidence = evidence_view(draft.state.name, version);
}

// A rule without statistics has spoken. In a turn.
Awaitable<void> ControllerImpl::take_traffic(Unfit what) {
  Entry* entry = find(what.service);
  if (entry == nullptr) co_return;
  const auto at_stake = guarded(entry->state, entry->rollout ? &*entry->rollout : nullptr);
  if (!at_stake.contains(what.version)) co_return;
  Draft draft = draft_of(*entry);
  if (draft.rollout && draft.rollout->to == what.version)
    run(draft, event::Unhealthy{what.reason, what.cause});
  else
    revert_directly(draft, what.version, {"rolled_back", what.cause, what.reason, kSelf});
  if (draft.decisions.empty()) co_return;  // it is being reverted already
  co_await commit(std::move(draft), Order::PublishFirst);
}

}  // namespace cutwater::control
