#include "config/show.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "config/show_flag.hpp"
#include "config/show_policy.hpp"
#include "config/show_rollout.hpp"
#include "config/shown_url.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace {
namespace json = boost::json;

json::object show(const CertificateFiles& files) {
  json::object shown{{"cert", files.cert}};
  if (!files.key.empty()) shown["key"] = files.key;
  if (!files.ocsp.empty()) shown["ocsp"] = files.ocsp;
  return shown;
}

const char* show(TlsVersion version) {
  return version == TlsVersion::V13 ? "1.3" : "1.2";
}

json::object show(const ListenerTls& tls) {
  json::array certificates;
  for (const CertificateFiles& files : tls.certificates) certificates.push_back(show(files));
  json::object shown{{"certificates", std::move(certificates)},
                     {"min_version", show(tls.min_version)},
                     {"groups", json::array(tls.groups.begin(), tls.groups.end())}};
  if (!tls.ciphers.empty()) shown["ciphers"] = json::array(tls.ciphers.begin(), tls.ciphers.end());
  if (tls.client_ca.empty()) return shown;
  shown["client_ca"] = tls.client_ca;
  if (!tls.client_crl.empty()) shown["client_crl"] = tls.client_crl;
  const bool required = tls.client_auth == ListenerTls::ClientAuth::Required;
  shown["client_auth"] = required ? "required" : "optional";
  return shown;
}

json::object show(const Admin& admin) {
  json::object shown;
  shown["listen"] = admin.unix_path.empty() ? to_string(admin.listen) : "unix:" + admin.unix_path;
  json::array tokens;
  for (const Token& token : admin.tokens) {
    tokens.push_back(json::object{
        {"name", token.name}, {"role", to_string(token.role)}, {"secret", token.secret.origin}});
  }
  shown["tokens"] = std::move(tokens);
  shown["allowed_hosts"] = json::array(admin.allowed_hosts.begin(), admin.allowed_hosts.end());
  if (admin.tls) shown["tls"] = show(*admin.tls);
  if (admin.probes) shown["probes"] = to_string(*admin.probes);
  return shown;
}

const char* show(Reuse reuse) {
  if (reuse == Reuse::Auto) return "auto";
  return reuse == Reuse::Safe ? "safe" : "always";
}

json::object show(const UpstreamTls& tls) {
  json::object shown;
  if (!tls.ca.empty()) shown["ca"] = tls.ca;
  if (!tls.server_name.empty()) shown["server_name"] = tls.server_name;
  if (!tls.client.cert.empty()) shown["cert"] = tls.client.cert;
  if (!tls.client.key.empty()) shown["key"] = tls.client.key;
  shown["min_version"] = show(tls.min_version);
  shown["verify"] = tls.verify;
  return shown;
}

json::object show(const Version& version) {
  json::array endpoints;
  bool any_tls = false;
  for (const Endpoint& endpoint : version.endpoints) {
    endpoints.emplace_back(endpoint.url);
    any_tls = any_tls || endpoint.tls;
  }
  json::object shown{{"endpoints", std::move(endpoints)}};
  shown["protocol"] = version.protocol == UpstreamProtocol::Http2 ? "h2" : "h1";
  if (any_tls) shown["tls"] = show(version.tls);
  shown["send_proxy"] = version.send_proxy == SendProxy::V2 ? "v2" : "off";
  return shown;
}

json::array show(const std::vector<Listener>& listeners) {
  json::array shown;
  for (const Listener& listener : listeners) {
    json::array trusted;
    for (const Cidr& network : listener.trusted_proxies) trusted.emplace_back(network.text);
    shown.push_back(json::object{{"name", listener.name},
                                 {"listen", to_string(listener.listen)},
                                 {"trusted_proxies", std::move(trusted)},
                                 {"http2", listener.http2}});
    const bool required = listener.proxy_protocol == ProxyProtocol::Required;
    shown.back().as_object()["proxy_protocol"] = required ? "required" : "off";
    if (!listener.via.empty()) shown.back().as_object()["via"] = listener.via;
    if (!listener.keep_headers.empty())
      shown.back().as_object()["keep_headers"] =
          json::array(listener.keep_headers.begin(), listener.keep_headers.end());
    if (listener.tls) shown.back().as_object()["tls"] = show(*listener.tls);
  }
  return shown;
}

json::array show(const std::vector<Route>& routes) {
  json::array shown;
  for (const Route& route : routes) {
    shown.push_back(
        json::object{{"match", json::object{{"host", route.host}, {"path", route.path}}},
                     {"service", route.service}});
    if (route.guards) shown.back().as_object()["guards"] = show(*route.guards);
  }
  return shown;
}

json::object show_own_cookie(const Sticky& sticky) {
  using SameSite = Sticky::SameSite;
  json::object shown{{"cookie", sticky.name}, {"ttl", to_string(Duration(sticky.ttl))}};
  shown["same_site"] = sticky.same_site == SameSite::Lax    ? "lax"
                       : sticky.same_site == SameSite::None ? "none"
                                                            : "strict";
  if (!sticky.domain.empty()) shown["domain"] = sticky.domain;
  shown["path"] = sticky.path;
  shown["partitioned"] = sticky.partitioned;
  shown["secure"] = sticky.always_secure ? "on" : "auto";
  if (!sticky.secret.origin.empty()) shown["secret"] = sticky.secret.origin;
  shown["cacheable"] = sticky.cacheable;
  return shown;
}

json::value show(const Sticky& sticky) {
  switch (sticky.key) {
    case Sticky::Key::OwnCookie:
      return show_own_cookie(sticky);
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

json::object show(const Guards& guards) {
  const auto alpha = static_cast<std::int32_t>(std::lround(guards.false_rollback * Share::kWhole));
  return {{"error_rate", to_string(guards.error_rate)},
          {"p95", to_string(guards.p95)},
          {"p95_critical", to_string(guards.p95_critical)},
          {"false_rollback", to_string(Share{alpha})},
          {"relative", guards.relative},
          {"relative_tolerance", to_string(guards.relative_tolerance)},
          {"latency_tolerance", json::object{{"share", to_string(guards.latency_tolerance.share)},
                                             {"floor", to_string(guards.latency_tolerance.floor)}}},
          {"blame_window", to_string(guards.blame_window)},
          {"per_route", guards.per_route},
          {"ignore", json::array(guards.ignore.begin(), guards.ignore.end())},
          {"dry_run", guards.dry_run}};
}

json::object show(const Memory& memory) {
  return {{"url", shown_url(memory.url)},
          {"used", memory.used},
          {"limit", size_to_string(memory.limit_bytes)},
          {"threshold", to_string(memory.threshold)}};
}

json::object show(const Health& health) {
  json::object shown{{"path", health.path},
                     {"interval", to_string(health.interval)},
                     {"timeout", to_string(health.timeout)},
                     {"unhealthy_after", health.unhealthy_after},
                     {"start_period", to_string(health.start_period)},
                     {"grpc", health.grpc}};
  if (!health.grpc_service.empty()) shown["service"] = health.grpc_service;
  if (!health.host.empty()) shown["host"] = health.host;
  if (health.port != 0) shown["port"] = health.port;
  if (health.grpc) return shown;
  shown["status"] = std::to_string(health.status_from) + "-" + std::to_string(health.status_to);
  if (!health.headers.empty()) {
    json::object headers;
    for (const auto& [name, value] : health.headers) headers[name] = value;
    shown["headers"] = std::move(headers);
  }
  return shown;
}

json::object show(const Grpc& grpc) {
  json::array codes;
  for (std::size_t i = 0; i < std::size(kGrpcCodes); ++i)
    if ((grpc.error_codes >> i & 1U) != 0) codes.emplace_back(kGrpcCodes[i]);
  return {{"error_codes", std::move(codes)}};
}

json::object show(const Timeouts& timeouts) {
  return {{"connect", to_string(timeouts.connect)},
          {"response_head", to_string(timeouts.response_head)},
          {"request", to_string(timeouts.request)},
          {"stream_idle", to_string(timeouts.stream_idle)},
          {"tunnel_idle", to_string(timeouts.tunnel_idle)},
          {"upstream_idle", to_string(timeouts.upstream_idle)},
          {"revert_grace", to_string(timeouts.revert_grace)}};
}

json::object show(const Http2Limits& limits) {
  return {{"max_streams", limits.max_streams},
          {"stream_window", size_to_string(limits.stream_window)},
          {"connection_window", size_to_string(limits.connection_window)},
          {"header_list_bytes", size_to_string(limits.header_list_bytes)},
          {"continuations", limits.continuations},
          {"empty_frames", limits.empty_frames},
          {"client_resets", limits.client_resets},
          {"client_resets_per_second", limits.client_resets_per_second},
          {"server_resets", limits.server_resets},
          {"pings", limits.pings},
          {"other_frames", limits.other_frames},
          {"queued_frames", limits.queued_frames}};
}

json::object show(const Limits& limits) {
  return {{"header_bytes", size_to_string(limits.header_bytes)},
          {"header_fields", limits.header_fields},
          {"response_header_bytes", size_to_string(limits.response_header_bytes)},
          {"response_fields", limits.response_fields},
          {"target_bytes", size_to_string(limits.target_bytes)},
          {"header_timeout", to_string(limits.header_timeout)},
          {"handshake_timeout", to_string(limits.handshake_timeout)},
          {"keepalive_idle", to_string(limits.keepalive_idle)},
          {"keepalive_requests", limits.keepalive_requests},
          {"body_min_rate", size_to_string(limits.body_min_rate)},
          {"client_write_stall", to_string(limits.client_write_stall)},
          {"connections", limits.connections},
          {"connections_per_ip", limits.connections_per_ip},
          {"http2", show(limits.http2)}};
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

json::array show(const std::vector<Channel>& channels) {
  json::array shown;
  for (const Channel& channel : channels) {
    json::object one{{"name", channel.name}, {"kind", std::string(to_string(channel.kind))}};
    for (const auto& [key, reference] : {std::pair{"url", &channel.url},
                                         {"key", &channel.key},
                                         {"token", &channel.token},
                                         {"secret", &channel.secret}})
      if (!reference->origin.empty()) one[key] = reference->origin;
    // One that is no reference stands in the file as it is, and may have a key in it all the same.
    if (!channel.url.origin.empty() && !channel.url.origin.starts_with("${"))
      one["url"] = shown_url(channel.url.origin);
    if (!channel.room.empty()) one["channel"] = channel.room;
    if (!channel.on.empty()) one["on"] = json::array(channel.on.begin(), channel.on.end());
    if (!channel.services.empty())
      one["services"] = json::array(channel.services.begin(), channel.services.end());
    if (!channel.ca.empty()) one["ca"] = channel.ca;
    one["expire"] = to_string(channel.expire);
    shown.push_back(std::move(one));
  }
  return shown;
}

json::object show(const Service& service) {
  json::object versions;
  for (const Version& version : service.versions) versions[version.name] = show(version);
  json::object weights;
  for (const auto& [version, share] : service.weights) weights[version] = to_string(share);
  json::object shown;
  shown["versions"] = std::move(versions);
  shown["stable"] = service.stable;
  shown["weights"] = std::move(weights);
  shown["sticky"] = show(service.sticky);
  shown["flags"] = show_flags(service.flags);
  if (service.mirror) shown["mirror"] = show_mirror(*service.mirror);
  shown["guards"] = show(service.guards);
  if (service.memory.enabled) shown["memory"] = show(service.memory);
  if (service.health.enabled) shown["health"] = show(service.health);
  shown["reuse"] = show(service.reuse);
  shown["fallback"] = service.fallback == Fallback::Stable ? "stable" : "none";
  shown["timeouts"] = show(service.timeouts);
  shown["rollout"] = show_rollout(service.rollout);
  if (service.policy.any()) shown["policy"] = show_policy(service.policy);
  shown["grpc"] = show(service.grpc);
  shown["version_header"] = service.version_header.empty() ? "none" : service.version_header;
  return shown;
}

}  // namespace

std::string show_json(const Config& config, const Operations& operations) {
  json::object services;
  for (const Service& service : config.services) services[service.name] = show(service);
  json::object shown;
  shown["version"] = config.version;
  shown["state_dir"] = config.state_dir;
  if (!config.via.empty()) shown["via"] = config.via;
  shown["workers"] = config.workers == 0 ? "auto" : std::to_string(config.workers);
  shown["admin"] = show(config.admin);
  shown["listeners"] = show(config.listeners);
  shown["routes"] = show(config.routes);
  shown["services"] = std::move(services);
  if (config.policy.any()) shown["policy"] = show_policy(config.policy);
  shown["limits"] = show(config.limits);
  shown["access_log"] = show(config.access_log);
  if (!operations.notify.empty()) shown["notify"] = show(operations.notify);
  shown["history"] = json::object{{"keep", to_string(operations.history.keep)}};
  shown["drain_timeout"] = to_string(config.drain_timeout);
  shown["drain_notice"] = to_string(config.drain_notice);
  return json::serialize(shown);
}

}  // namespace cutwater::config
