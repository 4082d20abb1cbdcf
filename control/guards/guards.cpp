#include "control/guards/guards.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>

#include "control/guards/flag_ramp.hpp"
#include "control/snapshot/guard_policy.hpp"
#include "proxy/guard/comparison.hpp"
#include "proxy/guard/confidence.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

// Returns p0' of proxy/guard/README.md ("Comparison with the past"): twice what the past can have
// been at most, but never so little that a handful of failures among thousands would be too many.
double limit_from_past(const RecentCounts::Counts& past) {
  constexpr double kAlpha = 0.0025;
  constexpr double kLeast = 0.005;
  const auto interval =
      guard::always_valid_interval(past.errors, past.requests - past.errors, kAlpha);
  return std::max(kLeast, 2 * interval.high);
}

// Returns the limits of a version: those of the stage, while a rollout is about the version.
config::Guards limits_in_force(const config::Guards& guards, const std::string& version,
                               const EngineState* rollout) {
  const bool concerned = rollout != nullptr && rollout->to == version;
  return concerned ? limits_of(guards, rollout->stage().guards) : guards;
}

}  // namespace

std::set<std::string> guarded(const ServiceState& state, const EngineState* rollout) {
  std::set<std::string> out;
  for (const auto& [version, share] : state.weights)
    if (share.millionths > 0 && version != state.stable) out.insert(version);
  const bool active = rollout != nullptr && !is_terminal(rollout->phase);
  if (active && rollout->phase != Phase::RollingBack &&
      (rollout->to != state.stable || rollout->plan.is_rolling()))
    out.insert(rollout->to);
  // The version was promoted and the one before is kept for a rollback, so its guard watches on.
  if (out.empty() && !active && state.can_go_back()) out.insert(state.stable);
  return out;
}

std::string compared(const RestoredService& service) {
  const auto versions = guarded(service);
  return versions.size() == 1 ? *versions.begin() : "";
}

void Guards::arm_all(const std::string& service) {
  const ServiceEntry& entry = services_.at(service);
  for (const auto& version : guarded(entry)) {
    publisher_.begin_warm_up(service, version);
    arm(service, {version, entry.state.stable}, entry.active());
  }
}

void Guards::sync(const RestoredService& before, const ServiceState& state,
                  const EngineState* rollout, const std::set<std::string>& rearm) {
  const std::string& service = state.name;
  publisher_.shut(service, before.state.locked_out, state.locked_out);
  const auto was = guarded(before);
  const auto now = guarded(state, rollout);
  // Stable was watched itself; from now on others are held against it.
  const std::string& stable = state.stable;
  if (was.contains(stable) && !now.contains(stable)) publisher_.disarm(service, stable);
  for (const auto& version : now) {
    if (!was.contains(version)) publisher_.begin_warm_up(service, version);
    if (!was.contains(version) || rearm.contains(version))
      arm(service, {version, state.stable}, rollout);
  }
}

void Guards::retire(const std::string& service) {
  const ServiceEntry& entry = services_.at(service);
  const auto keep = guarded(entry);
  const bool needed = !keep.empty() || judges_flags(*services_.find_config(service), entry.state);
  for (const auto& [version, share] : entry.state.weights) {
    const auto monitor = publisher_.monitor(service, version);
    // Stable is watched as long as something is held against it.
    const bool watched = version == entry.state.stable && needed;
    if (!monitor || keep.contains(version)) continue;
    if (!watched) publisher_.disarm(service, version);
    // The guard tripped in the very moment a person took the version's traffic: nobody locked it
    // out.
    if (!entry.state.locked_out.contains(version)) monitor->set_tripped(false);
  }
}

void Guards::witness(const std::string& service, guard::VersionMonitor& baseline) {
  if (baseline.report(clocks_.now()).armed) return;
  guard::GuardPolicy policy = policy_of(services_.find_config(service)->guards);
  policy.witness = true;
  policy.dry_run = false;  // it never trips, and that it fails must be seen
  baseline.arm(policy, {});
}

// This runs on a worker and only hands over. The flag is set already, and nothing is sent there any
// more.
std::function<void()> Guards::trip_of(const std::string& service, const std::string& version) {
  const std::weak_ptr<int> alive = alive_;
  return [this, alive, service, version] {
    asio::post(context_, [this, alive, service, version] {
      if (!alive.expired() && on_trip_) on_trip_(service, version);
    });
  };
}

void Guards::arm(const std::string& service, const Pair& pair, const EngineState* rollout) {
  const auto monitor = publisher_.monitor(service, pair.version);
  const config::Service* config = services_.find_config(service);
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
                                           publisher_.workers(), clocks_.now());
  }
  monitor->arm(policy_of(limits), trip_of(service, pair.version), std::move(against));
  arm_routes(service, pair, limits);
}

// A route that fails shuts the version as a whole: users who find the checkout broken do not care
// that the rest of the shop is good.
void Guards::arm_routes(const std::string& service, const Pair& pair,
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

void Guards::freeze_latency(const std::string& service) {
  constexpr std::uint64_t kEnough = 100;
  ServiceEntry& entry = services_.at(service);
  const auto monitor = publisher_.monitor(service, compared(entry));
  const auto comparison = monitor ? monitor->comparison() : nullptr;
  const auto baseline = publisher_.monitor(service, entry.state.stable);
  if (!comparison || !baseline || baseline == monitor) return;
  const Window window =
      entry.windows[entry.state.stable].last(Windows::kLong, clocks_.now(), baseline->totals());
  const auto& latency = window.totals.latency;
  if (latency.count < kEnough) return;
  guard::Comparison::Quantiles quantiles{};
  for (std::size_t i = 0; i < quantiles.size(); ++i)
    quantiles[i] = latency.quantile(guard::Comparison::kQuantiles[i]);
  comparison->freeze_latency(quantiles);
}

void Guards::freeze_due_latencies() {
  for (const auto& [name, entry] : services_.entries()) {
    const auto monitor = publisher_.monitor(name, compared(entry));
    const auto comparison = monitor ? monitor->comparison() : nullptr;
    if (comparison && !comparison->has_latency_limits()) freeze_latency(name);
  }
}

void Guards::hold_against_past(const std::string& service) {
  ServiceEntry& entry = services_.at(service);
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

void Guards::compare() {
  const TimePoint now = clocks_.now();
  for (const auto& [name, entry] : services_.entries()) {
    for (const auto& version : guarded(entry))
      if (const auto monitor = publisher_.monitor(name, version)) monitor->compare(now);
    for (const auto& flag : services_.find_config(name)->flags)
      if (const auto monitor = publisher_.flag_monitor(name, flag.name)) monitor->compare(now);
  }
}

Evidence Guards::evidence_of(const std::string& service, const std::string& version) const {
  Evidence out;
  if (const auto monitor = publisher_.monitor(service, version))
    out.report = monitor->report(clocks_.now());
  // A trial run shuts nothing: the whole goes on being judged beside a route that would fail.
  if (!out.report.failed_test && !out.report.dry_run)
    if (auto route = failed_route(service, version)) return *std::move(route);
  const std::string& baseline = out.report.baseline;
  if (const auto monitor = baseline.empty() ? nullptr : publisher_.monitor(service, baseline))
    out.baseline = monitor->report(clocks_.now());
  if (const auto* config = services_.find_config(service)) {
    const ServiceEntry& entry = services_.at(service);
    out.limits = limits_in_force(config->guards, version, entry.active());
  }
  return out;
}

json::object Guards::evidence_view(const std::string& service, const std::string& version) const {
  json::object out{{"version", version}};
  const Evidence evidence = evidence_of(service, version);
  for (auto& [key, value] : evidence_json(evidence.report)) out[key] = std::move(value);
  if (!evidence.route.empty()) out["route"] = evidence.route;
  if (json::array routes = routes_view(service, version); !routes.empty())
    out["routes"] = std::move(routes);
  return out;
}

std::optional<Evidence> Guards::failed_route(const std::string& service,
                                             const std::string& version) const {
  const ServiceEntry& entry = services_.at(service);
  const EngineState* rollout = entry.active();
  const config::Guards limits =
      limits_in_force(services_.find_config(service)->guards, version, rollout);
  std::optional<Evidence> worst;
  double most = 0;
  for (const auto& route : publisher_.route_guards(service, version)) {
    guard::GuardReport report = route.monitor->report(clocks_.now());
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

json::array Guards::routes_view(const std::string& service, const std::string& version) const {
  std::multimap<double, json::object, std::greater<>> sorted;
  for (const auto& route : publisher_.route_guards(service, version)) {
    const guard::GuardReport report = route.monitor->report(clocks_.now());
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

bool Guards::is_guarded(const std::string& service, const std::string& version) const {
  const ServiceEntry* entry = services_.find(service);
  return entry != nullptr && guarded(*entry).contains(version);
}

Endpoints Guards::endpoints(const std::string& service, const std::string& version) const {
  if (!is_guarded(service, version)) return {};
  return in_service(publisher_.endpoints(service, version), services_.at(service).state, version);
}

std::vector<std::pair<std::string, std::string>> Guards::refusing_lately() const {
  std::vector<std::pair<std::string, std::string>> out;
  constexpr auto kFailed = static_cast<std::size_t>(stats::Outcome::ConnectFailed);
  for (auto& [name, entry] : services_.entries()) {
    for (const auto& version : guarded(entry)) {
      const auto monitor = publisher_.monitor(name, version);
      if (!monitor) continue;
      const Window last = entry.windows[version].last(Seconds(2), clocks_.now(), monitor->totals());
      if (last.totals.outcomes[kFailed] > 0) out.emplace_back(name, version);
    }
  }
  return out;
}

}  // namespace cutwater::control
