#include "control/operations/services.hpp"

#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/operations/explain.hpp"
#include "control/operations/replies.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

// Shares of the attempts of a window, by version; null while there were none. Each version gets its
// own as `member`, too.
json::object add_shares(json::array& versions, std::string_view window, std::string_view member) {
  const auto requests = [window](const json::value& version) {
    return version.at("windows").at(window).at("requests").to_number<double>();
  };
  double all = 0;
  for (const auto& version : versions) all += requests(version);
  json::object shares;
  for (auto& version : versions) {
    const json::value share = all > 0 ? rounded(100 * requests(version) / all) : nullptr;
    version.as_object()[member] = share;
    shares[version.at("name").as_string()] = share;
  }
  return shares;
}

}  // namespace

json::object version_view(const SteeredParts& parts, const config::Service& config,
                          ServiceEntry& entry, const std::string& version) {
  const auto monitor = parts.publisher.monitor(config.name, version);
  const stats::VersionTotals live = monitor->totals();
  const guard::GuardReport report = monitor->report(parts.clocks.now());
  json::array endpoints;
  for (const auto& endpoint : parts.publisher.endpoints(config.name, version)) {
    json::object view{{"url", endpoint->url()},
                      {"healthy", endpoint->healthy()},
                      {"in_service", entry.state.in_service(version, endpoint->url())}};
    const auto down = entry.down.find({version, endpoint->url()});
    const bool known = !endpoint->healthy() && down != entry.down.end();
    view["down_since"] =
        known ? json::value(json::string(time_text(down->second.since_ms))) : json::value(nullptr);
    view["why"] = known ? json::value(json::string(down->second.why)) : json::value(nullptr);
    endpoints.push_back(std::move(view));
  }
  const Windows& windows = entry.windows[version];
  const TimePoint now = parts.clocks.now();
  json::object out{{"name", version},
                   {"stable", version == entry.state.stable},
                   {"weight", number(entry.state.weights[version].as_percent())},
                   {"locked_out", entry.state.locked_out.contains(version)},
                   {"lock_out", nullptr},
                   {"endpoints", std::move(endpoints)},
                   {"endpoints_by", entry.state.versions.contains(version) ? "api" : "file"},
                   {"windows",
                    {{"10s", window_view(windows.last(Windows::kShort, now, live))},
                     {"60s", window_view(windows.last(Windows::kLong, now, live))}}},
                   {"requests_total", live.attempts()},
                   {"errors_total", live.errors()},
                   {"tunnels", monitor->tunnels_open()},
                   {"guarded", report.armed}};
  if (const auto by = entry.state.withdrawals.find(version); by != entry.state.withdrawals.end())
    out["lock_out"] = withdrawal_view(by->second);
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
  out["weights_actual"] = add_shares(versions, "60s", "weight_actual");
  out["weights_actual_10s"] = add_shares(versions, "10s", "weight_actual_10s");
  out["unavailable"] = unavailable_view(entry);
  out["versions"] = std::move(versions);
  out["rollout"] = entry.rollout ? json::value(rollout_view(*entry.rollout)) : json::value(nullptr);
  out["last_rollout"] = entry.finished.empty() ? json::value(nullptr)
                                               : json::value(outcome_view(entry.finished.back()));
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
  const ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) return no_service(service);
  ExplainFacts facts{&entry->state, {}};
  for (const auto& listener : parts_.services.config().listeners)
    for (const auto& cidr : listener.trusted_proxies)
      if (const auto network = net::Network::parse(cidr.text))
        facts.trusted_proxies.push_back(*network);
  return control::explain(*steering_.snapshot(), service, request, facts);
}

// What the proxy answered with 503 by itself, because no endpoint was there: no version has these
// requests in its figures.
json::object ServicesOperations::unavailable_view(const ServiceEntry& entry) const {
  const auto counters = parts_.publisher.counters(entry.state.name);
  const std::uint64_t total = counters->unavailable.load(std::memory_order_relaxed);
  const auto last = [&](Seconds length) {
    return entry.unavailable.last(length, parts_.clocks.now(), total);
  };
  return {{"total", total}, {"10s", last(Windows::kShort)}, {"60s", last(Windows::kLong)}};
}

}  // namespace cutwater::control
