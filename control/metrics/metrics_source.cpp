#include "control/metrics/metrics_source.hpp"

#include <algorithm>

namespace cutwater::control {
namespace {

MetricsInput::Version version_input(const config::Service& service, ServiceEntry& entry,
                                    const std::string& version, const Publisher& publisher,
                                    TimePoint now) {
  const auto monitor = publisher.monitor(service.name, version);
  MetricsInput::Version out;
  out.name = version;
  out.totals = monitor->totals();
  out.tunnels_open = monitor->tunnels_open();
  const Window last_minute = entry.windows[version].last(Windows::kLong, now, out.totals);
  const auto& latency = last_minute.totals.latency;
  if (latency.count > 0)
    out.last_minute = {latency.quantile(0.50), latency.quantile(0.95), latency.quantile(0.99)};
  const auto weight = entry.state.weights.find(version);
  if (weight != entry.state.weights.end()) out.weight_configured = weight->second;
  out.guard = monitor->report(now);
  bool usable = false;
  for (const auto& endpoint : publisher.endpoints(service.name, version)) {
    out.endpoints.push_back({endpoint->url(), endpoint->healthy()});
    usable = usable || endpoint->healthy();
  }
  if (usable && !monitor->tripped()) out.weight_actual = out.weight_configured;
  return out;
}

MetricsInput::Mirror mirror_input(const routing::MirrorStats& stats) {
  MetricsInput::Mirror out;
  out.version = stats.monitor.version();
  out.totals = stats.monitor.totals();
  out.under_way = stats.under_way.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < routing::kMirrorDrops; ++i)
    out.dropped[std::string(to_string(static_cast<routing::MirrorDrop>(i)))] =
        stats.dropped[i].load(std::memory_order_relaxed);
  return out;
}

std::vector<MetricsInput::Flag> flag_inputs(const config::Service& service,
                                            const ServiceState& state, const Publisher& publisher,
                                            TimePoint now) {
  std::vector<MetricsInput::Flag> out;
  for (const auto& file : service.flags) {
    const auto monitor = publisher.flag_monitor(service.name, file.name);
    const config::Flag flag = with_changes(file, state.find_flag(file.name));
    MetricsInput::Flag input{
        flag.name, flag.enabled && !monitor->tripped(), flag.percentage, monitor->totals(), {}};
    if (flag.ramp) input.guard = monitor->report(now);
    out.push_back(std::move(input));
  }
  return out;
}

}  // namespace

MetricsInput collect_metrics(const MetricsParts& parts, const stats::ProxyTotals& totals,
                             TimePoint now) {
  MetricsInput out;
  for (const auto& config : parts.services.config().services) {
    ServiceEntry& entry = parts.services.at(config.name);
    out.services.push_back({config.name, {}, {}, {}, {}});
    auto& service = out.services.back();
    for (const auto& version : config.versions)
      service.versions.push_back(version_input(config, entry, version.name, parts.publisher, now));
    // The phase is that of the rollout under way, or else of the last one.
    if (entry.rollout)
      service.rollout_phase = std::string(to_string(entry.rollout->phase));
    else if (!entry.finished.empty())
      service.rollout_phase = entry.finished.back().taken_back
                                  ? "taken_back"
                                  : std::string(to_string(entry.finished.back().phase));
    if (const auto mirror = parts.publisher.mirror_stats(service.name))
      service.mirror = mirror_input(*mirror);
    service.unavailable =
        parts.publisher.counters(service.name)->unavailable.load(std::memory_order_relaxed);
    service.flags = flag_inputs(config, entry.state, parts.publisher, now);
    // Stable gets what a shut version does not get.
    std::int32_t given = 0;
    for (const auto& version : service.versions)
      if (version.name != entry.state.stable) given += version.weight_actual.millionths;
    for (auto& version : service.versions)
      if (version.name == entry.state.stable) version.weight_actual = {Share::kWhole - given};
  }
  out.proxy = totals;
  out.decisions = parts.steering.decisions_counted();
  out.config_generation = parts.steering.snapshot()->generation;
  out.last_reload_success = parts.configuration.last_reload_ok();
  out.state_writable = parts.steering.state_writable();
  out.ready = parts.proxy.ready();
  out.uptime_seconds = std::chrono::duration<double>(now - parts.proxy.started()).count();
  return out;
}

void add_history(MetricsInput& input, const Historian& historian) {
  input.notifications = historian.notifier().counted();
  input.notifications_pending = historian.notifier().pending();
  input.dora = historian.latest();
}

}  // namespace cutwater::control
