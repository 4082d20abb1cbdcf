// Answers that change nothing.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "config/show.hpp"
#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/snapshot/guard_policy.hpp"
#include "control/state/views.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

json::array problems_view(const std::vector<config::Problem>& problems) {
  json::array out;
  for (const auto& problem : problems)
    out.push_back(json::object{{"file", problem.file},
                               {"line", problem.line},
                               {"column", problem.column},
                               {"message", problem.message}});
  return out;
}

}  // namespace

const config::Service* ControllerImpl::find_config(const std::string& service) const {
  return config_.find_service(service);
}

ControllerImpl::Entry* ControllerImpl::find(const std::string& service) {
  const auto found = entries_.find(service);
  return found == entries_.end() ? nullptr : &found->second;
}

Evidence ControllerImpl::evidence_of(const std::string& service, const std::string& version) {
  Evidence out;
  if (const auto monitor = publisher_.monitor(service, version))
    out.report = monitor->report(setup_.now());
  // A trial run shuts nothing: the whole goes on being judged beside a route that would fail.
  if (!out.report.failed_test && !out.report.dry_run)
    if (auto route = failed_route(service, version)) return *std::move(route);
  const std::string& baseline = out.report.baseline;
  if (const auto monitor = baseline.empty() ? nullptr : publisher_.monitor(service, baseline))
    out.baseline = monitor->report(setup_.now());
  if (const auto* config = find_config(service)) {
    const Entry& entry = entries_.at(service);
    out.limits =
        limits_in_force(config->guards, version, entry.rollout ? &*entry.rollout : nullptr);
  }
  return out;
}

json::object ControllerImpl::evidence_view(const std::string& service, const std::string& version) {
  json::object out{{"version", version}};
  const Evidence evidence = evidence_of(service, version);
  for (auto& [key, value] : evidence_json(evidence.report)) out[key] = std::move(value);
  if (!evidence.route.empty()) out["route"] = evidence.route;
  if (json::array routes = routes_view(service, version); !routes.empty())
    out["routes"] = std::move(routes);
  return out;
}

std::vector<VersionView> ControllerImpl::versions() {
  std::vector<VersionView> out;
  for (const auto& service : config_.services) {
    Entry& entry = entries_.at(service.name);
    const std::size_t first = out.size();
    double all = 0;
    for (const auto& version : service.versions) {
      VersionView view;
      view.service = &service;
      view.state = &entry.state;
      view.rollout = entry.rollout            ? &*entry.rollout
                     : entry.finished.empty() ? nullptr
                                              : &entry.finished.back();
      view.version = version.name;
      view.monitor = publisher_.monitor(service.name, version.name);
      view.endpoints = &publisher_.endpoints(service.name, version.name);
      view.last_minute =
          entry.windows[version.name].last(Windows::kLong, setup_.now(), view.monitor->totals());
      view.actual_share = static_cast<double>(view.last_minute.totals.attempts());
      all += view.actual_share;
      out.push_back(std::move(view));
    }
    for (std::size_t i = first; i < out.size() && all > 0; ++i) out[i].actual_share /= all;
  }
  return out;
}

json::object ControllerImpl::version_view(const config::Service& config, Entry& entry,
                                          const std::string& version) {
  const auto monitor = publisher_.monitor(config.name, version);
  const stats::VersionTotals live = monitor->totals();
  const guard::GuardReport report = monitor->report(setup_.now());
  json::array endpoints;
  for (const auto& endpoint : publisher_.endpoints(config.name, version))
    endpoints.push_back(
        json::object{{"url", endpoint->url()},
                     {"healthy", endpoint->healthy()},
                     {"in_service", entry.state.in_service(version, endpoint->url())}});
  const Windows& windows = entry.windows[version];
  const TimePoint now = setup_.now();
  json::object out{{"name", version},
                   {"stable", version == entry.state.stable},
                   {"weight", number(entry.state.weights[version].as_percent())},
                   {"locked_out", entry.state.locked_out.contains(version)},
                   {"endpoints", std::move(endpoints)},
                   {"endpoints_by", entry.state.versions.contains(version) ? "api" : "file"},
                   {"windows",
                    {{"10s", window_view(windows.last(Windows::kShort, now, live))},
                     {"60s", window_view(windows.last(Windows::kLong, now, live))}}},
                   {"requests_total", live.attempts()},
                   {"errors_total", live.errors()},
                   {"tunnels", monitor->tunnels_open()},
                   {"guarded", report.armed}};
  // A version nobody judges has no verdict.
  out["verdict"] = report.armed || report.failed_test
                       ? json::value(json::string(guard::to_string(report.verdict)))
                       : json::value(nullptr);
  if (report.armed) {
    json::array tests;
    for (const auto& test : report.tests) tests.push_back(test_json(test));
    out["guards"] = std::move(tests);
    if (json::array routes = routes_view(config.name, version); !routes.empty())
      out["routes"] = std::move(routes);
  }
  return out;
}

json::object ControllerImpl::service_view(const config::Service& config, Entry& entry) {
  json::object out{{"name", config.name}};
  for (auto& [key, value] : weights_view(entry.state)) out[key] = std::move(value);
  out["stable"] = entry.state.stable;
  out["keep_old_until"] = entry.state.keep_old_until_ms == 0
                              ? json::value(nullptr)
                              : json::string(time_text(entry.state.keep_old_until_ms));
  out["last_good"] =
      entry.state.last_good.empty() ? json::value(nullptr) : json::string(entry.state.last_good);
  out["locked_out"] = json_texts(entry.state.locked_out);
  json::array removed;  // of those the file names
  for (const auto& [version, said] : entry.state.versions)
    if (said.removed()) removed.emplace_back(version);
  out["removed"] = std::move(removed);

  json::array versions;
  for (const auto& version : config.versions)
    versions.push_back(version_view(config, entry, version.name));
  // Shares of the attempts of the last minute; null while there were none.
  double all = 0;
  const auto requests = [](const json::value& version) {
    return version.at("windows").at("60s").at("requests").to_number<double>();
  };
  for (const auto& version : versions) all += requests(version);
  json::object actual;
  for (auto& version : versions) {
    const json::value share = all > 0 ? rounded(100 * requests(version) / all) : nullptr;
    version.as_object()["weight_actual"] = share;
    actual[version.at("name").as_string()] = share;
  }
  out["weights_actual"] = std::move(actual);
  out["versions"] = std::move(versions);
  out["rollout"] = entry.rollout ? json::value(rollout_view(*entry.rollout)) : json::value(nullptr);
  return out;
}

Reply ControllerImpl::services() {
  json::array list;
  for (const auto& service : config_.services)
    list.push_back(service_view(service, entries_.at(service.name)));
  Reply reply;
  reply.body = json::object{{"services", std::move(list)}};
  return reply;
}

Reply ControllerImpl::service(const std::string& name) {
  Entry* entry = find(name);
  if (entry == nullptr) return no_service(name);
  Reply reply;
  reply.body = service_view(*find_config(name), *entry);
  reply.etag = entry->state.generation;
  return reply;
}

Reply ControllerImpl::weights(const std::string& service) {
  const Entry* entry = find(service);
  return entry == nullptr ? no_service(service) : weights_reply(entry->state);
}

Awaitable<Reply> ControllerImpl::decisions(std::string service, std::optional<std::uint64_t> after,
                                           std::size_t limit, std::int64_t since_ms) {
  if (!service.empty() && find(service) == nullptr) co_return no_service(service);
  const auto found = co_await store_.decisions(service, after, limit, since_ms);
  if (found.has_error())
    co_return problem(found.error().kind == StoreError::Kind::Corrupt ? 500 : 503,
                      "history_unreadable", found.error().message);
  json::array list;
  for (const Decision& decision : *found) list.push_back(decision_view(decision));
  Reply reply;
  reply.body = json::object{{"decisions", std::move(list)}};
  co_return reply;
}

Reply ControllerImpl::config() {
  Reply reply;
  json::object out{{"path", setup_.config_path}};
  out["config"] = json::parse(config::show_json(config_, operations_));
  reply.body = std::move(out);
  return reply;
}

Reply ControllerImpl::validate(const std::string& yaml) {
  const auto parsed = config::parse(yaml, "request", config::system_sources());
  if (!parsed.problems.empty())
    return problem(422, "invalid_config",
                   std::to_string(parsed.problems.size()) +
                       " problem(s); the first: " + config::to_string(parsed.problems.front()),
                   {{"problems", problems_view(parsed.problems)}});
  Reply reply;
  reply.body = json::object{{"valid", true}};
  return reply;
}

Reply ControllerImpl::proxy() {
  const ProxyFacts facts = setup_.facts ? setup_.facts() : ProxyFacts{};
  json::object listeners;
  for (const auto& [name, address] : facts.listeners) listeners[name] = address;
  const auto up = std::chrono::duration_cast<Seconds>(setup_.now() - started_);
  Reply reply;
  reply.body = json::object{{"version", CUTWATER_VERSION},
                            {"pid", getpid()},
                            {"uptime_s", up.count()},
                            {"generation", snapshot_->generation},
                            {"ready", ready_},
                            {"state_writable", state_writable_},
                            {"last_reload_ok", last_reload_ok_},
                            {"workers", facts.workers},
                            {"listeners", std::move(listeners)},
                            {"admin", facts.admin},
                            {"config", setup_.config_path}};
  return reply;
}

std::shared_ptr<void> ControllerImpl::subscribe(std::uint64_t after,
                                                std::function<void(const Event&)> sink) {
  return events_.subscribe(after, std::move(sink));
}

}  // namespace cutwater::control
