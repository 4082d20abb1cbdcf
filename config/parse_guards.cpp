#include "config/sections.hpp"

#include <algorithm>
#include <cctype>

namespace cutwater::config {
namespace {

using namespace std::chrono_literals;

constexpr Share kLeast{1};

// Accepts "http://{endpoint}/metrics", or "http://{host}:9100/metrics" when another port reports
// for the endpoint.
bool is_memory_url(const std::string& url) {
  constexpr std::string_view kEndpoint = "http://{endpoint}/";
  constexpr std::string_view kHost = "http://{host}:";
  const bool plain =
      std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!plain || url.size() > 1024) return false;
  if (url.starts_with(kEndpoint)) return true;
  if (!url.starts_with(kHost)) return false;
  const std::size_t slash = url.find('/', kHost.size());
  const std::string port = url.substr(kHost.size(), std::min(slash, url.size()) - kHost.size());
  return slash != std::string::npos && !port.empty() && port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(port) > 0 && std::stoi(port) <= 65535;
}

// Accepts [a-zA-Z_:][a-zA-Z0-9_:]*.
bool is_metric_name(const std::string& name) {
  const auto good = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == ':'; };
  return !name.empty() && name.size() <= 256 &&
         !std::isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), good);
}

LatencyTolerance read_latency_tolerance(const Fields& guards_fields) {
  LatencyTolerance tolerance;
  const Node* node = guards_fields.find("latency_tolerance");
  if (!node) return tolerance;
  const Fields fields(guards_fields.report(), *node, section::kLatencyTolerance,
                      "latency_tolerance");
  if (!fields.usable()) return tolerance;
  fields.read("share", tolerance.share, {Share{}, Share::percent(100)});
  fields.read("floor", tolerance.floor, {0ms, 1h});
  return tolerance;
}

// Accepts "/health" and "/probes/*".
bool is_ignorable(std::string_view path) {
  if (path.ends_with("/*")) path.remove_suffix(1);
  const bool plain = std::all_of(path.begin(), path.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '*' && c != '?' && c != '#';
  });
  return path.starts_with('/') && path.size() <= 1024 && plain;
}

void read_ignored(const Fields& fields, Guards& guards) {
  const Node* node = fields.find("ignore");
  if (!node) return;
  for (const NodePtr& item : read_list(fields.report(), *node, "ignore", "paths")) {
    const auto path = read_text(fields.report(), *item, "ignore", "a path");
    if (!path) continue;
    if (!is_ignorable(*path))
      fields.report().add(item->place,
                          "`ignore` has " + quoted(*path) +
                              ": expected a path such as /health, or /probes/* for all "
                              "that is below");
    guards.ignore.push_back(*path);
  }
  if (guards.ignore.size() > Guards::kMostIgnored)
    fields.report().add(
        node->place, "`ignore` has more than " + std::to_string(Guards::kMostIgnored) + " paths");
}

}  // namespace

void ignore_probes(const Fields& service_fields, Service& service) {
  const Node* guards = service_fields.find("guards");
  if (guards && guards->kind == Node::Kind::Map &&
      Fields(service_fields.report(), *guards, section::kGuards, "guards").has("ignore"))
    return;
  const std::string& path = service.health.path;
  const std::string own = path.substr(0, path.find('?'));
  if (own != "/") service.guards.ignore.push_back(own);  // people ask for "/", too
  service.guards.ignore.emplace_back("/grpc.health.v1.Health/*");
}

Guards read_guards(const Fields& service_fields) {
  Guards guards;
  const Node* node = service_fields.find("guards");
  if (!node) return guards;
  const Fields fields(service_fields.report(), *node, section::kGuards, "guards");
  if (!fields.usable()) return guards;
  fields.read("error_rate", guards.error_rate, {kLeast, Share{Share::kWhole - 1}});
  const bool p95 = fields.read("p95", guards.p95, {1ms, 1h});
  const bool critical = fields.read("p95_critical", guards.p95_critical, {1ms, 1h});
  if (p95 && critical && guards.p95_critical < guards.p95) {
    fields.report().add(fields.place_of_value("p95_critical"), "`p95_critical` is below `p95`");
  }
  // An operator who moves only one of the two limits keeps their order.
  if (p95 && !critical) guards.p95_critical = std::max(guards.p95_critical, guards.p95 * 3 / 2);
  if (critical && !p95) guards.p95 = std::min(guards.p95, guards.p95_critical);
  Share alpha;
  if (fields.read("false_rollback", alpha, {kLeast, Share::percent(50)})) {
    guards.false_rollback = alpha.ratio();
  }
  fields.read("relative", guards.relative);
  fields.read("relative_tolerance", guards.relative_tolerance, {Share{}, Share::percent(100)});
  guards.latency_tolerance = read_latency_tolerance(fields);
  fields.read("blame_window", guards.blame_window, {0ms, 24h});
  fields.read("per_route", guards.per_route);
  fields.read("dry_run", guards.dry_run);
  read_ignored(fields, guards);
  return guards;
}

std::optional<GuardLimits> read_guard_limits(const Fields& owner) {
  const Node* node = owner.find("guards");
  if (!node) return std::nullopt;
  GuardLimits guards;
  const Fields fields(owner.report(), *node, section::kGuardLimits, "guards");
  if (!fields.usable()) return guards;
  Share rate;
  std::chrono::milliseconds limit{};
  constexpr Range<std::chrono::milliseconds> kLatency{kLeastLatencyLimit, kMostLatencyLimit};
  if (fields.read("error_rate", rate, {kLeast, Share{Share::kWhole - 1}})) guards.error_rate = rate;
  if (fields.read("p95", limit, kLatency)) guards.p95 = limit;
  if (fields.read("p95_critical", limit, kLatency)) guards.p95_critical = limit;
  return guards;
}

Memory read_memory(const Fields& service_fields) {
  Memory memory;
  const Node* node = service_fields.find("memory");
  if (!node) return memory;
  const Fields fields(service_fields.report(), *node, section::kMemory, "memory");
  if (!fields.usable()) return memory;
  memory.enabled = true;
  if (const auto url = fields.text("url", "a URL")) {
    if (!is_memory_url(*url))
      fields.bad_value("url", *url,
                       "expected http://{endpoint}/metrics or http://{host}:9100/metrics");
    memory.url = *url;
  }
  if (const auto used = fields.text("used", "the name of a metric")) {
    if (!is_metric_name(*used)) fields.bad_value("used", *used, "expected the name of a metric");
    memory.used = *used;
  }
  if (fields.require("limit"))
    fields.read_size("limit", memory.limit_bytes, {1024, std::uint64_t{1} << 40});
  fields.read("threshold", memory.threshold, {kLeast, Share::percent(100)});
  return memory;
}

}  // namespace cutwater::config
