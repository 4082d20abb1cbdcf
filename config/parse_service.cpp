#include <algorithm>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/suggest.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace {

constexpr Choice<Fallback> kFallbacks[] = {{"none", Fallback::None}, {"stable", Fallback::Stable}};
constexpr Choice<Reuse> kReuses[] = {
    {"auto", Reuse::Auto}, {"safe", Reuse::Safe}, {"always", Reuse::Always}};
constexpr Choice<UpstreamProtocol> kProtocols[] = {{"h1", UpstreamProtocol::Http1},
                                                   {"h2", UpstreamProtocol::Http2}};

void read_endpoint(Report& report, const Node& node, Version& version) {
  const auto written = read_text(report, node, "endpoint", "http://HOST:PORT");
  if (!written) return;
  if (const auto wrong = add_endpoint(version.endpoints, *written))
    report.add(node.place, wrong->message);
}

Version read_version(Report& report, const Node& key, const Node& value) {
  Version version;
  version.name = key.text;
  if (!is_name(version.name)) {
    report.add(key.place, "version " + quoted(version.name) + ": " + std::string(kNameRule));
  }
  if (value.kind == Node::Kind::Null) {
    report.add(key.place, "version " + quoted(version.name) +
                              " has no endpoint; write \"http://HOST:PORT\" or {endpoints: [...]}");
    return version;
  }
  if (value.kind == Node::Kind::Scalar) {
    read_endpoint(report, value, version);
    return version;
  }
  const Fields fields(report, value, section::kVersion, version.name);
  if (!fields.usable()) return version;
  const Node* endpoints = fields.require("endpoints");
  if (!endpoints) return version;
  const auto items = read_list(report, *endpoints, "endpoints", "endpoints");
  if (endpoints->kind == Node::Kind::List && endpoints->items.empty()) {
    report.add(endpoints->place, "`endpoints` is empty; at least one is needed");
  }
  for (const NodePtr& item : items) read_endpoint(report, *item, version);
  fields.read("protocol", version.protocol, std::span<const Choice<UpstreamProtocol>>(kProtocols));
  read_version_tls(fields, version);
  return version;
}

std::vector<Version> read_versions(const Fields& fields) {
  std::vector<Version> versions;
  const Node* node = fields.require("versions");
  if (!node) return versions;
  if (node->kind != Node::Kind::Map || node->pairs.empty()) {
    fields.report().add(node->place,
                        "`versions`: expected a mapping such as {blue: \"http://127.0.0.1:9001\"}");
    return versions;
  }
  if (node->pairs.size() > Service::kMostVersions) {
    fields.report().add(node->place, "`versions` has more than " +
                                         std::to_string(Service::kMostVersions) + " versions");
    return versions;
  }
  for (const auto& [key, value] : node->pairs) {
    versions.push_back(read_version(fields.report(), *key, *value));
  }
  return versions;
}

std::string read_stable(const Fields& fields, const Service& service) {
  const std::string first = service.versions.empty() ? "" : service.versions.front().name;
  const auto written = fields.text("stable", "the name of a version");
  if (!written) return first;
  return check_version(fields.report(), fields.place_of_value("stable"), service, *written)
             ? *written
             : first;
}

Health read_health(const Fields& service_fields) {
  Health health;
  const Node* node = service_fields.find("health");
  if (!node) return health;
  const Fields fields(service_fields.report(), *node, section::kHealth, "health");
  if (!fields.usable()) return health;
  health.enabled = true;
  if (const auto path = fields.text("path", "a path")) {
    health.path = *path;
    const bool visible = std::all_of(path->begin(), path->end(),
                                     [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
    if (!path->starts_with('/') || !visible) {
      fields.bad_value("path", *path, "expected a path such as /health");
    }
  }
  fields.read("interval", health.interval, {10ms, 24h});
  if (!fields.read("timeout", health.timeout, {10ms, 24h})) {
    health.timeout = std::min(health.timeout, health.interval);
  } else if (health.timeout > health.interval) {
    fields.report().add(fields.place_of_value("timeout"), "`timeout` is longer than `interval`");
  }
  std::uint64_t unhealthy_after = 0;
  if (fields.read_count("unhealthy_after", unhealthy_after, {1, 1000})) {
    health.unhealthy_after = static_cast<int>(unhealthy_after);
  }
  fields.read("start_period", health.start_period, {0ms, 24h});
  fields.read("grpc", health.grpc);
  if (const auto name = fields.text("service", "the name of a gRPC service")) {
    health.grpc_service = *name;
    if (!health.grpc)
      fields.bad_value("service", *name, "this is asked for only with `grpc: true`");
  }
  return health;
}

Timeouts read_timeouts(const Fields& service_fields) {
  Timeouts timeouts;
  const Node* node = service_fields.find("timeouts");
  if (!node) return timeouts;
  const Fields fields(service_fields.report(), *node, section::kTimeouts, "timeouts");
  if (!fields.usable()) return timeouts;
  constexpr Range<Duration> kRange{1ms, std::chrono::hours(24 * 30)};
  fields.read("connect", timeouts.connect, kRange);
  fields.read("response_head", timeouts.response_head, kRange);
  fields.read("request", timeouts.request, kRange);
  fields.read("stream_idle", timeouts.stream_idle, kRange);
  fields.read("tunnel_idle", timeouts.tunnel_idle, kRange);
  fields.read("upstream_idle", timeouts.upstream_idle, kRange);
  fields.read("revert_grace", timeouts.revert_grace, {0ms, kRange.most});
  return timeouts;
}

Service read_service(Report& report, const Node& key, const Node& value, const Sources& sources) {
  Service service;
  service.name = key.text;
  if (!is_name(service.name)) {
    report.add(key.place, "service " + quoted(service.name) + ": " + std::string(kNameRule));
  }
  if (value.kind == Node::Kind::Null) {
    report.add(key.place, "service " + quoted(service.name) + " needs `versions`");
    return service;
  }
  const Fields fields(report, value, section::kService, service.name);
  if (!fields.usable()) return service;
  service.versions = read_versions(fields);
  service.stable = read_stable(fields, service);
  service.weights = read_weights(fields, service);
  service.sticky = read_sticky(fields, service);
  service.flags = read_flags(fields, service, sources);
  service.mirror = read_mirror(fields, service);
  service.guards = read_guards(fields);
  service.memory = read_memory(fields);
  service.health = read_health(fields);
  fields.read("reuse", service.reuse, std::span<const Choice<Reuse>>(kReuses));
  fields.read("fallback", service.fallback, std::span<const Choice<Fallback>>(kFallbacks));
  service.timeouts = read_timeouts(fields);
  service.rollout = read_rollout(fields, sources);
  service.grpc = read_grpc(fields);
  if (const auto header = fields.text("version_header", "a header name or none")) {
    if (!is_token(*header)) {
      fields.bad_value("version_header", *header, "expected a header name or none");
    }
    service.version_header = *header == "none" ? "" : *header;
  }
  return service;
}

}  // namespace

std::vector<Service> read_services(const Fields& root, const Sources& sources) {
  std::vector<Service> services;
  const Node* node = root.require("services");
  if (!node) return services;
  if (node->kind != Node::Kind::Map || node->pairs.empty()) {
    root.report().add(node->place,
                      "`services`: expected a mapping such as {shop: {versions: {...}}}");
    return services;
  }
  if (node->pairs.size() > kMaxEntries) {
    root.report().add(node->place,
                      "`services` has more than " + std::to_string(kMaxEntries) + " services");
    return services;
  }
  for (const auto& [key, value] : node->pairs) {
    services.push_back(read_service(root.report(), *key, *value, sources));
  }
  return services;
}

}  // namespace cutwater::config
