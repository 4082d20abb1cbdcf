#include "control/operations/services.hpp"

#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/operations/explain.hpp"
#include "control/operations/replies.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;

json::object version_view(const SteeredParts& parts, const config::Service& config,
                          ServiceEntry& entry, const std::string& version) {
  const auto monitor = parts.publisher.monitor(config.name, version);
  const stats::VersionTotals live = monitor->totals();
  const guard::GuardReport report = monitor->report(parts.clocks.now());
  json::array endpoints;
  for (const auto& endpoint : parts.publisher.endpoints(config.name, version))
    endpoints.push_back(
        json::object{{"url", endpoint->url()},
                     {"healthy", endpoint->healthy()},
                     {"in_service", entry.state.in_service(version, endpoint->url())}});
  const Windows& windows = entry.windows[version];
  const TimePoint now = parts.clocks.now();
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
  // A version that nobody judges has no verdict.
  out["verdict"] = report.armed || report.failed_test
                       ? json::value(json::string(guard::to_string(report.verdict)))
                       : json::value(nullptr);
  if (report.armed) {
    json::array tests;
    for (const auto& test : report.tests) tests.push_back(test_json(test));
    out["guards"] = std::move(tests);
    if (json::array routes = parts.guards.routes_view(config.name, version); !routes.empty())
      out["routes"] = std::move(routes);
  }
  return out;
}

json::object ServicesOperations::service_view(const config::Service& config,
                                              ServiceEntry& entry) const {
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
    versions.push_back(version_view(parts_, config, entry, version.name));
  // These are shares of the attempts of the last minute; null while there were none.
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

Reply ServicesOperations::services() {
  json::array list;
  for (const auto& service : parts_.services.config().services)
    list.push_back(service_view(service, parts_.services.at(service.name)));
  Reply reply;
  reply.body = json::object{{"services", std::move(list)}};
  return reply;
}

Reply ServicesOperations::service(const std::string& name) {
  ServiceEntry* entry = parts_.services.find(name);
  if (entry == nullptr) return no_service(name);
  Reply reply;
  reply.body = service_view(*parts_.services.find_config(name), *entry);
  reply.etag = entry->state.generation;
  return reply;
}

Reply ServicesOperations::explain(const std::string& service, const json::object& request) {
  if (parts_.services.find(service) == nullptr) return no_service(service);
  return control::explain(*steering_.snapshot(), service, request);
}

}  // namespace cutwater::control
