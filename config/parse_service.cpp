#include "config/sections.hpp"

#include <algorithm>

#include "config/names.hpp"
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

// "200" or "200-399".
void read_status_range(const Fields& fields, Health& health) {
  const auto written = fields.text("status", "a status or a range of them");
  if (!written) return;
  const std::size_t dash = std::min(written->find('-'), written->size());
  const auto from = parse_count(written->substr(0, dash));
  const auto to = dash < written->size() ? parse_count(written->substr(dash + 1)) : from;
  if (!from || !to || *from < 200 || *to > 599 || *from > *to) {
    fields.bad_value("status", *written, "expected a status or a range such as 200-399");
    return;
  }
  health.status_from = static_cast<int>(*from);
  health.status_to = static_cast<int>(*to);
}

// "shop.example.com", "shop.example.com:8080"
bool is_host_field(const std::string& text) {
  const std::size_t colon = std::min(text.rfind(':'), text.size());
  const std::string host = text.substr(0, colon);
  if (colon < text.size()) {
    const auto port = parse_count(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return false;
  }
  return is_dns_name(host) || is_ip(host);
}

// Fields that frame the request, or that we say ourselves.
void check_probe_headers(const Fields& fields, const Health& health) {
  for (const auto& [name, value] : health.headers) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower == "host")
      fields.report().add(fields.place_of_key("headers"), "write `host`, not a header `Host`");
    for (const std::string_view ours :
         {"connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"})
      if (lower == ours)
        fields.report().add(fields.place_of_key("headers"),
                            "header " + quoted(name) + " is for the proxy to say");
  }
}

void read_probe_request(const Fields& fields, Health& health) {
  if (const auto host = fields.text("host", "a host")) {
    if (!is_host_field(*host))
      fields.bad_value("host", *host, "expected a host such as shop.example.com");
    health.host = *host;
  }
  health.headers = read_header_fields(fields);
  check_probe_headers(fields, health);
  read_status_range(fields, health);
  std::uint64_t port = 0;
  if (fields.read_count("port", port, {1, 65535})) health.port = static_cast<std::uint16_t>(port);
  for (const std::string_view key : {"headers", "status"})
    if (health.grpc && fields.has(key))
      fields.report().add(fields.place_of_key(key), "`" + std::string(key) +
                                                        "` is for GET, and `grpc: true` does not "
                                                        "ask by it");
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
  read_probe_request(fields, health);
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
  service.sticky = read_sticky(fields, service, sources);
  service.flags = read_flags(fields, service, sources);
  service.mirror = read_mirror(fields, service);
  service.guards = read_guards(fields);
  service.memory = read_memory(fields);
  service.health = read_health(fields);
  ignore_probes(fields, service);
  fields.read("reuse", service.reuse, std::span<const Choice<Reuse>>(kReuses));
  fields.read("fallback", service.fallback, std::span<const Choice<Fallback>>(kFallbacks));
  service.timeouts = read_timeouts(fields);
  service.rollout = read_rollout(fields, sources);
  service.policy = read_policy(fields);
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

void name_probed_hosts(Config& config) {
  for (Service& service : config.services) {
    if (!service.health.enabled) continue;
    for (const Route& route : config.routes)
      if (service.health.host.empty() && route.service == service.name &&
          route.host.find('*') == std::string::npos)
        service.health.host = route.host;
  }
}

}  // namespace cutwater::config
