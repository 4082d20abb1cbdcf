#include "config/sections.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

#include "config/client_claims.hpp"
#include "config/names.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kMaxUnixPath = 107;  // sockaddr_un::sun_path with its final zero

constexpr Choice<Role> kRoles[] = {{"viewer", Role::Viewer},
                                   {"deployer", Role::Deployer},
                                   {"approver", Role::Approver},
                                   {"admin", Role::Admin}};

// Returns the value of a Checked, or reports its message at the value.
template <typename T>
std::optional<T> accept(const Fields& fields, std::string_view key, const std::string& written,
                        Checked<T> checked) {
  if (const Wrong* wrong = std::get_if<Wrong>(&checked)) {
    fields.bad_value(key, written, wrong->message);
    return std::nullopt;
  }
  return std::get<T>(std::move(checked));
}

void read_admin_listen(const Fields& fields, Admin& admin) {
  const auto written = fields.text("listen", "an address");
  if (!written) return;
  if (!written->starts_with(kUnixPrefix)) {
    if (auto address = accept(fields, "listen", *written, check_listen(*written))) {
      admin.listen = *address;
    }
    return;
  }
  const std::string path = written->substr(kUnixPrefix.size());
  if (!path.starts_with('/') || path.size() < 2 || path.size() > kMaxUnixPath) {
    fields.bad_value("listen", *written, "expected unix:/path with at most 107 characters");
    return;
  }
  admin.unix_path = path;
}

void check_token_is_new(const Fields& fields, const Token& token,
                        const std::vector<Token>& tokens) {
  for (const Token& other : tokens) {
    if (!token.name.empty() && other.name == token.name) {
      fields.report().add(fields.place_of_value("name"), "duplicate token " + quoted(token.name));
      return;
    }
    if (!token.secret.value.empty() && other.secret.value == token.secret.value) {
      fields.report().add(
          fields.place_of_value("secret"),
          "token " + quoted(token.name) + " has the same secret as " + quoted(other.name));
      return;
    }
  }
}

Token read_token(Report& report, const Node& node, const Sources& sources,
                 const std::vector<Token>& before) {
  const Fields fields(report, node, section::kToken, "token");
  Token token;
  if (!fields.usable()) return token;
  if (fields.require("name")) {
    token.name = fields.text("name", "a name").value_or("");
    if (!token.name.empty() && !is_name(token.name)) {
      fields.bad_value("name", token.name, kNameRule);
    }
  }
  if (fields.require("role"))
    fields.read("role", token.role, std::span<const Choice<Role>>(kRoles));
  token.secret = read_secret(fields, "secret", sources).value_or(Secret{});
  check_token_is_new(fields, token, before);
  return token;
}

std::vector<Cidr> read_trusted_proxies(const Fields& fields) {
  std::vector<Cidr> result;
  const Node* node = fields.find("trusted_proxies");
  if (!node) return result;
  for (const NodePtr& item : read_list(fields.report(), *node, "trusted_proxies", "networks")) {
    const auto written = read_text(fields.report(), *item, "trusted_proxies", "a network");
    if (!written) continue;
    auto checked = check_cidr(*written);
    if (const Wrong* wrong = std::get_if<Wrong>(&checked)) {
      fields.report().add(item->place,
                          "`trusted_proxies` has " + quoted(*written) + ": " + wrong->message);
    } else {
      result.push_back(std::get<Cidr>(checked));
    }
  }
  return result;
}

// Those that the proxy writes itself are not to be had from strangers.
std::optional<std::string> why_not_kept(const std::string& name) {
  const ClientClaim claim = client_claim(name);
  if (claim == ClientClaim::None || name.find('_') != name.npos)
    return "expected a field that is taken away from strangers, as True-Client-IP is; others pass "
           "anyway";
  for (const std::string_view ours : {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                                      "x-client-cert-subject", "x-client-cert-fingerprint"}) {
    const bool same = std::equal(name.begin(), name.end(), ours.begin(), ours.end(),
                                 [](char a, char b) { return std::tolower(a) == b; });
    if (same) return "the proxy writes this field itself; list who may say it in `trusted_proxies`";
  }
  return std::nullopt;
}

std::vector<std::string> read_keep_headers(const Fields& fields) {
  std::vector<std::string> result;
  const Node* node = fields.find("keep_headers");
  if (!node) return result;
  for (const NodePtr& item : read_list(fields.report(), *node, "keep_headers", "field names")) {
    const auto name = read_text(fields.report(), *item, "keep_headers", "a field name");
    if (!name) continue;
    if (const auto wrong = why_not_kept(*name))
      fields.report().add(item->place, "`keep_headers` has " + quoted(*name) + ": " + *wrong);
    else
      result.push_back(*name);
  }
  return result;
}

Listener read_listener(Report& report, const Node& node, std::size_t index) {
  const Fields fields(report, node, section::kListener, "listener");
  Listener listener;
  listener.name = index == 0 ? "http" : "http-" + std::to_string(index + 1);
  if (!fields.usable()) return listener;
  if (const auto name = fields.text("name", "a name")) {
    if (!is_name(*name)) fields.bad_value("name", *name, kNameRule);
    listener.name = *name;
  }
  if (fields.require("listen")) {
    if (const auto written = fields.text("listen", "an address")) {
      if (auto address = accept(fields, "listen", *written, check_listen(*written))) {
        listener.listen = *address;
      }
    }
  }
  listener.trusted_proxies = read_trusted_proxies(fields);
  listener.keep_headers = read_keep_headers(fields);
  listener.via = read_via(fields).value_or("");
  fields.read("http2", listener.http2);
  listener.proxy_protocol = read_proxy_protocol(fields);
  listener.tls = read_listener_tls(fields);
  return listener;
}

Route read_route(Report& report, const Node& node, const std::vector<Service>& services) {
  const Fields fields(report, node, section::kRoute, "route");
  Route route;
  if (!fields.usable()) return route;
  if (const Node* match = fields.find("match")) {
    const Fields what(report, *match, section::kMatch, "match");
    if (const auto host = what.text("host", "a host")) {
      route.host = accept(what, "host", *host, check_host_pattern(*host)).value_or("*");
    }
    if (const auto path = what.text("path", "a path")) {
      route.path = accept(what, "path", *path, check_route_path(*path)).value_or("/");
    }
  }
  if (fields.require("service")) {
    route.service = fields.text("service", "the name of a service").value_or("");
    std::vector<std::string_view> names;
    for (const Service& service : services) names.push_back(service.name);
    if (!route.service.empty() &&
        std::find(names.begin(), names.end(), route.service) == names.end()) {
      report.add(fields.place_of_value("service"),
                 "unknown service " + quoted(route.service) + suggestion(route.service, names));
    }
  }
  route.guards = read_guard_limits(fields);
  return route;
}

// Who can reach the API is asked for tokens that nobody guesses.
void check_admin_is_guarded(const Fields& fields, const Admin& admin) {
  const bool local = !admin.unix_path.empty() || is_loopback(admin.listen.host);
  if (admin.tokens.empty() && !local) {
    fields.report().add(
        fields.place_of_value("listen"),
        "without `tokens` the admin API listens on a loopback address or a unix socket "
        "only; add `tokens`, or use 127.0.0.1 or unix:/path");
  }
  if (local && (!admin.probes || is_loopback(admin.probes->host))) return;
  for (const Token& token : admin.tokens) {
    if (token.secret.value.empty() || !is_short(token)) continue;
    fields.report().add(fields.place_of_key("tokens"),
                        "token " + quoted(token.name) + " is shorter than " +
                            std::to_string(kShortestToken) +
                            " characters, and others than this machine can reach the admin API; "
                            "`openssl rand -hex 16` makes a good one");
  }
}

}  // namespace

bool is_short(const Token& token) {
  return token.secret.value.size() < kShortestToken;
}

Admin read_admin(const Fields& root, const Sources& sources) {
  Admin admin;
  const Node* node = root.find("admin");
  if (!node) return admin;
  Report& report = root.report();
  const Fields fields(report, *node, section::kAdmin, "admin");
  if (!fields.usable()) return admin;
  read_admin_listen(fields, admin);
  if (const Node* tokens = fields.find("tokens")) {
    for (const NodePtr& item : read_list(report, *tokens, "tokens", "tokens")) {
      admin.tokens.push_back(read_token(report, *item, sources, admin.tokens));
    }
  }
  if (const Node* hosts = fields.find("allowed_hosts")) {
    for (const NodePtr& item : read_list(report, *hosts, "allowed_hosts", "host names")) {
      const auto host = read_text(report, *item, "allowed_hosts", "a host name");
      if (!host) continue;
      if (!is_dns_name(*host) && !is_ip(*host)) {
        report.add(item->place, "`allowed_hosts` has " + quoted(*host) +
                                    ": expected a host name or IP address, without port");
        continue;
      }
      admin.allowed_hosts.push_back(*host);
    }
  }
  if (const auto probes = fields.text("probes", "an address")) {
    if (auto address = accept(fields, "probes", *probes, check_listen(*probes)))
      admin.probes = *address;
    if (admin.probes && admin.unix_path.empty() && admin.probes->port != 0 &&
        *admin.probes == admin.listen)
      report.add(fields.place_of_value("probes"), "`probes` has the address of `listen`");
  }
  admin.tls = read_listener_tls(fields);
  if (admin.tls && !admin.unix_path.empty())
    report.add(fields.place_of_key("tls"),
               "`tls` is for an address, and `listen` is a unix socket");
  check_admin_is_guarded(fields, admin);
  return admin;
}

std::vector<Listener> read_listeners(const Fields& root) {
  std::vector<Listener> listeners;
  const Node* node = root.require("listeners");
  if (!node) return listeners;
  Report& report = root.report();
  const auto items = read_list(report, *node, "listeners", "listeners");
  if (node->kind == Node::Kind::List && node->items.empty()) {
    report.add(node->place, "`listeners` is empty; at least one is needed");
  }
  for (const NodePtr& item : items) {
    Listener listener = read_listener(report, *item, listeners.size());
    for (const Listener& other : listeners) {
      if (other.name == listener.name) {
        report.add(item->place, "duplicate listener " + quoted(listener.name));
      }
      if (other.listen.port != 0 && other.listen == listener.listen) {
        report.add(item->place, "listener " + quoted(listener.name) + " has the address of " +
                                    quoted(other.name));
      }
    }
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

std::optional<std::string> read_via(const Fields& fields) {
  const auto name = fields.text("via", "a name");
  if (name && !is_token(*name))
    fields.bad_value("via", *name, "expected a name of letters, digits, `-`, `.` and the like");
  return name;
}

void check_no_loop(const Fields& root, const Config& config) {
  for (const Service& service : config.services)
    for (const Version& version : service.versions)
      for (const Endpoint& endpoint : version.endpoints)
        for (const Listener& listener : config.listeners)
          if (leads_to(endpoint.address, listener.listen))
            root.report().add(root.place_of_key("services"),
                              "endpoint " + quoted(endpoint.url) + " of " + quoted(service.name) +
                                  ", version " + quoted(version.name) + ", is the listener " +
                                  quoted(listener.name) + " of this proxy");
}

Limits read_limits(const Fields& root) {
  Limits limits;
  const Node* node = root.find("limits");
  if (!node) return limits;
  const Fields fields(root.report(), *node, section::kLimits, "limits");
  if (!fields.usable()) return limits;
  const auto size = [&](std::string_view key, auto& out, Range<std::uint64_t> range) {
    std::uint64_t value = 0;
    const bool read = fields.read_size(key, value, range);
    if (read) out = static_cast<std::remove_reference_t<decltype(out)>>(value);
    return read;
  };
  const auto count = [&](std::string_view key, auto& out, Range<std::uint64_t> range) {
    std::uint64_t value = 0;
    if (!fields.read_count(key, value, range)) return;
    out = static_cast<std::remove_reference_t<decltype(out)>>(value);
  };
  size("header_bytes", limits.header_bytes, {1024, 1024 * 1024});
  count("header_fields", limits.header_fields, {8, Limits::kMostFields});
  size("response_header_bytes", limits.response_header_bytes,
       {1024, Limits::kMostResponseHeaderBytes});
  count("response_fields", limits.response_fields, {8, Limits::kMostFields});
  if (!size("target_bytes", limits.target_bytes, {64, 1024 * 1024})) {
    limits.target_bytes = std::min(limits.target_bytes, limits.header_bytes);
  } else if (limits.target_bytes > limits.header_bytes) {
    fields.report().add(fields.place_of_value("target_bytes"),
                        "`target_bytes` is more than `header_bytes`, which counts the target too");
  }
  fields.read("header_timeout", limits.header_timeout, {10ms, 1h});
  fields.read("handshake_timeout", limits.handshake_timeout, {10ms, 1h});
  fields.read("keepalive_idle", limits.keepalive_idle, {10ms, 24h});
  count("keepalive_requests", limits.keepalive_requests, {0, 1'000'000'000});
  size("body_min_rate", limits.body_min_rate, {0, 1024 * 1024 * 1024});
  fields.read("client_write_stall", limits.client_write_stall, {10ms, 24h});
  count("connections", limits.connections, {0, 10'000'000});
  count("connections_per_ip", limits.connections_per_ip, {1, 10'000'000});
  limits.http2 = read_http2(fields);
  return limits;
}

AccessLog read_access_log(const Fields& root) {
  AccessLog log;
  const Node* node = root.find("access_log");
  if (!node) return log;
  if (node->kind == Node::Kind::Map) {
    const Fields fields(root.report(), *node, section::kAccessLog, "access_log");
    if (!fields.require("file")) return log;
    const auto path = fields.text("file", "a path");
    if (!path) return log;
    if (path->empty()) fields.bad_value("file", *path, "expected a path");
    return {AccessLog::To::File, *path};
  }
  const auto written = root.text("access_log", "off, stdout or {file: PATH}");
  if (!written || *written == "off") return log;
  if (*written == "stdout") return {AccessLog::To::Stdout, {}};
  root.bad_value("access_log", *written, "expected off, stdout or {file: PATH}");
  return log;
}

std::vector<Route> read_routes(const Fields& root, const std::vector<Service>& services) {
  Report& report = root.report();
  std::vector<Route> routes;
  if (!root.has("routes")) {
    if (services.size() == 1) routes.push_back({"*", "/", services.front().name});
    if (services.size() > 1) {
      report.add(root.place_of_key("services"),
                 "`routes` is needed when there is more than one service");
    }
    return routes;
  }
  const Node* node = root.find("routes");
  if (!node) return routes;
  const auto items = read_list(report, *node, "routes", "routes");
  if (node->kind == Node::Kind::List && node->items.empty()) {
    report.add(node->place, "`routes` is empty, so nothing would be reachable; leave it out");
  }
  std::set<std::pair<std::string, std::string>> seen;
  for (const NodePtr& item : items) {
    Route route = read_route(report, *item, services);
    if (!seen.emplace(route.host, route.path).second) {
      report.add(item->place, "duplicate route for host " + quoted(route.host) + " and path " +
                                  quoted(route.path));
    }
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace cutwater::config
