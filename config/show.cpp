#include "config/show.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "config/units.hpp"

namespace cutwater::config {
namespace {
namespace json = boost::json;

std::string show(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string show(Role role) {
  switch (role) {
    case Role::Viewer:
      return "viewer";
    case Role::Deployer:
      return "deployer";
    case Role::Approver:
      return "approver";
    case Role::Admin:
      return "admin";
  }
  return "";
}

std::string show(RolloutDefaults::OnInconclusive what) {
  using enum RolloutDefaults::OnInconclusive;
  switch (what) {
    case Hold:
      return "hold";
    case Extend:
      return "extend";
    case Promote:
      return "promote";
    case Rollback:
      return "rollback";
  }
  return "";
}

json::object show(const Admin& admin) {
  json::object shown;
  shown["listen"] = admin.unix_path.empty() ? show(admin.listen) : "unix:" + admin.unix_path;
  json::array tokens;
  for (const Token& token : admin.tokens) {
    tokens.push_back(json::object{
        {"name", token.name}, {"role", show(token.role)}, {"secret", token.secret.origin}});
  }
  shown["tokens"] = std::move(tokens);
  shown["allowed_hosts"] = json::array(admin.allowed_hosts.begin(), admin.allowed_hosts.end());
  return shown;
}

json::array show(const std::vector<Listener>& listeners) {
  json::array shown;
  for (const Listener& listener : listeners) {
    json::array trusted;
    for (const Cidr& network : listener.trusted_proxies) trusted.emplace_back(network.text);
    shown.push_back(json::object{{"name", listener.name},
                                 {"listen", show(listener.listen)},
                                 {"trusted_proxies", std::move(trusted)}});
  }
  return shown;
}

json::array show(const std::vector<Route>& routes) {
  json::array shown;
  for (const Route& route : routes) {
    shown.push_back(
        json::object{{"match", json::object{{"host", route.host}, {"path", route.path}}},
                     {"service", route.service}});
  }
  return shown;
}

json::value show(const Sticky& sticky) {
  switch (sticky.key) {
    case Sticky::Key::OwnCookie:
      return json::object{{"cookie", sticky.name}, {"ttl", to_string(Duration(sticky.ttl))}};
    case Sticky::Key::Header:
      return json::object{{"key", "header:" + sticky.name}};
    case Sticky::Key::Cookie:
      return json::object{{"key", "cookie:" + sticky.name}};
    case Sticky::Key::ClientIp:
      return json::object{{"key", "client_ip"}};
    case Sticky::Key::None:
      return "none";
  }
  return nullptr;
}

json::array show(const std::vector<Flag>& flags) {
  json::array shown;
  for (const Flag& flag : flags) {
    const char* source = flag.source == Flag::Source::Cookie ? "cookie" : "header";
    shown.push_back(json::object{{"name", flag.name},
                                 {"when", json::object{{source, flag.key + "=" + flag.value}}},
                                 {"version", flag.version},
                                 {"enabled", flag.enabled}});
  }
  return shown;
}

json::object show(const Guards& guards) {
  const auto alpha = static_cast<std::int32_t>(std::lround(guards.false_rollback * Share::kWhole));
  return {{"error_rate", to_string(guards.error_rate)},
          {"p95", to_string(guards.p95)},
          {"p95_critical", to_string(guards.p95_critical)},
          {"false_rollback", to_string(Share{alpha})},
          {"relative", guards.relative},
          {"relative_tolerance", to_string(guards.relative_tolerance)},
          {"blame_window", to_string(guards.blame_window)},
          {"dry_run", guards.dry_run}};
}

json::object show(const Memory& memory) {
  return {{"url", memory.url},
          {"used", memory.used},
          {"limit", size_to_string(memory.limit_bytes)},
          {"threshold", to_string(memory.threshold)}};
}

json::object show(const Health& health) {
  return {{"path", health.path},
          {"interval", to_string(health.interval)},
          {"timeout", to_string(health.timeout)},
          {"unhealthy_after", health.unhealthy_after},
          {"start_period", to_string(health.start_period)}};
}

json::object show(const Timeouts& timeouts) {
  return {{"connect", to_string(timeouts.connect)},
          {"response_head", to_string(timeouts.response_head)},
          {"request", to_string(timeouts.request)},
          {"stream_idle", to_string(timeouts.stream_idle)},
          {"tunnel_idle", to_string(timeouts.tunnel_idle)},
          {"upstream_idle", to_string(timeouts.upstream_idle)}};
}

json::object show(const RolloutDefaults& rollout) {
  json::array steps;
  for (const Share step : rollout.steps) steps.emplace_back(to_string(step));
  return {{"strategy", rollout.strategy},
          {"steps", std::move(steps)},
          {"bake", to_string(rollout.bake)},
          {"max_step", to_string(rollout.max_step)},
          {"on_inconclusive", show(rollout.on_inconclusive)}};
}

json::object show(const Limits& limits) {
  return {{"header_bytes", size_to_string(limits.header_bytes)},
          {"header_fields", limits.header_fields},
          {"target_bytes", size_to_string(limits.target_bytes)},
          {"header_timeout", to_string(limits.header_timeout)},
          {"keepalive_idle", to_string(limits.keepalive_idle)},
          {"keepalive_requests", limits.keepalive_requests},
          {"body_min_rate", size_to_string(limits.body_min_rate)},
          {"client_write_stall", to_string(limits.client_write_stall)},
          {"connections", limits.connections},
          {"connections_per_ip", limits.connections_per_ip}};
}

json::value show(const AccessLog& log) {
  switch (log.to) {
    case AccessLog::To::Off:
      return "off";
    case AccessLog::To::Stdout:
      return "stdout";
    case AccessLog::To::File:
      return json::object{{"file", log.path}};
  }
  return nullptr;
}

json::object show(const Service& service) {
  json::object versions;
  for (const Version& version : service.versions) {
    json::array endpoints;
    for (const Endpoint& endpoint : version.endpoints) endpoints.emplace_back(endpoint.url);
    versions[version.name] = json::object{{"endpoints", std::move(endpoints)}};
  }
  json::object weights;
  for (const auto& [version, share] : service.weights) weights[version] = to_string(share);
  json::object shown;
  shown["versions"] = std::move(versions);
  shown["stable"] = service.stable;
  shown["weights"] = std::move(weights);
  shown["sticky"] = show(service.sticky);
  shown["flags"] = show(service.flags);
  shown["guards"] = show(service.guards);
  if (service.memory.enabled) shown["memory"] = show(service.memory);
  if (service.health.enabled) shown["health"] = show(service.health);
  shown["fallback"] = service.fallback == Fallback::Stable ? "stable" : "none";
  shown["timeouts"] = show(service.timeouts);
  shown["rollout"] = show(service.rollout);
  shown["version_header"] = service.version_header.empty() ? "none" : service.version_header;
  return shown;
}

}  // namespace

std::string show_json(const Config& config) {
  json::object services;
  for (const Service& service : config.services) services[service.name] = show(service);
  json::object shown;
  shown["version"] = config.version;
  shown["state_dir"] = config.state_dir;
  shown["workers"] = config.workers == 0 ? "auto" : std::to_string(config.workers);
  shown["admin"] = show(config.admin);
  shown["listeners"] = show(config.listeners);
  shown["routes"] = show(config.routes);
  shown["services"] = std::move(services);
  shown["limits"] = show(config.limits);
  shown["access_log"] = show(config.access_log);
  shown["drain_timeout"] = to_string(config.drain_timeout);
  shown["drain_notice"] = to_string(config.drain_notice);
  return json::serialize(shown);
}

}  // namespace cutwater::config
