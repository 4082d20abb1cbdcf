#include "control/metrics/metrics_source.hpp"

#include <algorithm>

namespace cutwater::control {
namespace {

MetricsInput::Version version_input(const VersionView& view, TimePoint now) {
  MetricsInput::Version out;
  out.name = view.version;
  out.totals = view.monitor->totals();
  out.tunnels_open = view.monitor->tunnels_open();
  const auto& latency = view.last_minute.totals.latency;
  if (latency.count > 0)
    out.last_minute = {latency.quantile(0.50), latency.quantile(0.95), latency.quantile(0.99)};
  const auto weight = view.state->weights.find(view.version);
  if (weight != view.state->weights.end()) out.weight_configured = weight->second;
  out.guard = view.monitor->report(now);
  bool usable = false;
  for (const auto& endpoint : *view.endpoints) {
    out.endpoints.push_back({endpoint->url(), endpoint->healthy()});
    usable = usable || endpoint->healthy();
  }
  if (usable && !view.monitor->tripped()) out.weight_actual = out.weight_configured;
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

std::vector<MetricsInput::Flag> flag_inputs(const VersionView& view, const Publisher& publisher,
                                            TimePoint now) {
  std::vector<MetricsInput::Flag> out;
  for (const auto& file : view.service->flags) {
    const auto monitor = publisher.flag_monitor(view.service->name, file.name);
    const config::Flag flag = with_changes(file, view.state->find_flag(file.name));
    MetricsInput::Flag input{
        flag.name, flag.enabled && !monitor->tripped(), flag.percentage, monitor->totals(), {}};
    if (flag.ramp) input.guard = monitor->report(now);
    out.push_back(std::move(input));
  }
  return out;
}

}  // namespace

MetricsInput collect_metrics(ControllerImpl& controller, const stats::ProxyTotals& totals,
                             TimePoint now) {
  MetricsInput out;
  for (const VersionView& view : controller.versions()) {
    if (out.services.empty() || out.services.back().name != view.service->name)
      out.services.push_back({view.service->name, {}, {}, {}, {}});
    auto& service = out.services.back();
    service.versions.push_back(version_input(view, now));
    if (view.rollout != nullptr)
      service.rollout_phase = std::string(to_string(view.rollout->phase));
    if (service.versions.size() < view.service->versions.size()) continue;
    if (const auto mirror = controller.publisher().mirror_stats(service.name))
      service.mirror = mirror_input(*mirror);
    service.flags = flag_inputs(view, controller.publisher(), now);
    // Stable gets what a shut version does not get.
    std::int32_t given = 0;
    for (const auto& version : service.versions)
      if (version.name != view.state->stable) given += version.weight_actual.millionths;
    for (auto& version : service.versions)
      if (version.name == view.state->stable) version.weight_actual = {Share::kWhole - given};
  }
  out.proxy = totals;
  out.decisions = controller.decisions_counted();
  out.config_generation = controller.snapshot()->generation;
  out.last_reload_success = controller.last_reload_ok();
  out.state_writable = controller.state_writable();
  out.ready = controller.is_ready();
  out.uptime_seconds = std::chrono::duration<double>(now - controller.started()).count();
  return out;
}

void add_history(MetricsInput& input, const Historian& historian) {
  input.notifications = historian.notifier().counted();
  input.notifications_pending = historian.notifier().pending();
  input.dora = historian.latest();
}

}  // namespace cutwater::control
