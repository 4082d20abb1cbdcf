// Reads TLS of listeners and versions, and the PROXY protocol. The files are named here and read
// where they are used (proxy/net/certificate.hpp).

#include "config/sections.hpp"

#include <algorithm>

#include "config/names.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

constexpr std::size_t kMostCertificates = 1000;
constexpr Choice<TlsVersion> kVersions[] = {{"1.2", TlsVersion::V12}, {"1.3", TlsVersion::V13}};
using ClientAuth = ListenerTls::ClientAuth;
constexpr Choice<ClientAuth> kClientAuth[] = {{"required", ClientAuth::Required},
                                              {"optional", ClientAuth::Optional}};
constexpr std::string_view kGroups[] = {"X25519",    "P-256",     "P-384",     "P-521",
                                        "X448",      "ffdhe2048", "ffdhe3072", "ffdhe4096",
                                        "ffdhe6144", "ffdhe8192"};
// These have forward secrecy and authenticated encryption; the first three are TLS 1.3's.
constexpr std::string_view kCiphers[] = {
    "TLS_AES_256_GCM_SHA384",      "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",      "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305"};
constexpr Choice<ProxyProtocol> kProxyProtocol[] = {{"off", ProxyProtocol::Off},
                                                    {"required", ProxyProtocol::Required}};
constexpr Choice<SendProxy> kSendProxy[] = {{"off", SendProxy::Off}, {"v2", SendProxy::V2}};

// Reads a path, or "${file:PATH}" as secrets are written: both mean the file.
std::string read_path(const Fields& fields, std::string_view key) {
  const Node* node = fields.find(key);
  if (!node) return {};
  std::string path = node->text;  // empty if it is not a scalar
  if (path.starts_with("${file:") && path.ends_with('}')) path = path.substr(7, path.size() - 8);
  const bool usable = !path.empty() && path.find_first_of("${}") == std::string::npos &&
                      path.find('\n') == std::string::npos;
  // The value is not shown, because somebody may have pasted the key itself.
  if (!usable)
    fields.report().add(fields.place_of_value(key),
                        "`" + std::string(key) + "`: expected the path of a file");
  return usable ? path : std::string();
}

CertificateFiles read_certificate(Report& report, const Node& node) {
  const Fields fields(report, node, section::kCertificate, "certificate");
  CertificateFiles files;
  if (!fields.usable()) return files;
  if (fields.require("cert")) files.cert = read_path(fields, "cert");
  files.key = read_path(fields, "key");
  files.ocsp = read_path(fields, "ocsp");
  return files;
}

// Each of the known names once, in the order that is written.
void read_names(const Fields& fields, std::string_view key, std::span<const std::string_view> known,
                std::vector<std::string>& out) {
  const Node* list = fields.find(key);
  if (!list) return;
  Report& report = fields.report();
  const auto items = read_list(report, *list, key, "names");
  if (list->kind != Node::Kind::List) return;
  if (list->items.empty())
    report.add(list->place, "`" + std::string(key) + "` is empty; nobody could connect");
  out.clear();
  for (const NodePtr& item : items) {
    if (report.full()) break;
    const auto name = read_text(report, *item, key, "a name");
    if (!name) continue;
    if (std::find(known.begin(), known.end(), *name) == known.end())
      report.add(item->place, "unknown name " + quoted(*name) + " in `" + std::string(key) + "`" +
                                  suggestion(*name, {known.begin(), known.end()}));
    else if (std::find(out.begin(), out.end(), *name) != out.end())
      report.add(item->place, "duplicate name " + quoted(*name) + " in `" + std::string(key) + "`");
    out.push_back(*name);
  }
}

void read_key_exchange(const Fields& fields, ListenerTls& tls) {
  read_names(fields, "groups", kGroups, tls.groups);
  read_names(fields, "ciphers", kCiphers, tls.ciphers);
  const bool only12 = std::none_of(tls.ciphers.begin(), tls.ciphers.end(), is_tls13_cipher);
  if (!tls.ciphers.empty() && only12 && tls.min_version == TlsVersion::V13)
    fields.report().add(fields.place_of_key("ciphers"),
                        "`ciphers` are TLS 1.2's alone, and `min_version` is 1.3");
}

}  // namespace

bool is_tls13_cipher(std::string_view name) {
  return name.starts_with("TLS_");
}

std::optional<ListenerTls> read_listener_tls(const Fields& listener) {
  const Node* node = listener.find("tls");
  if (!node) return std::nullopt;
  Report& report = listener.report();
  const Fields fields(report, *node, section::kListenerTls, "tls");
  ListenerTls tls;
  if (!fields.usable()) return tls;
  if (const Node* list = fields.require("certificates")) {
    const auto items = read_list(report, *list, "certificates", "certificates");
    if (list->kind == Node::Kind::List && list->items.empty())
      report.add(list->place, "`certificates` is empty; at least one is needed");
    if (items.size() > kMostCertificates)
      report.add(list->place, "`certificates` has more than 1000 certificates");
    for (const NodePtr& item : items) {
      if (report.full()) break;
      tls.certificates.push_back(read_certificate(report, *item));
    }
  }
  fields.read("min_version", tls.min_version, std::span<const Choice<TlsVersion>>(kVersions));
  tls.client_ca = read_path(fields, "client_ca");
  tls.client_crl = read_path(fields, "client_crl");
  if (fields.has("client_crl") && !fields.has("client_ca"))
    report.add(fields.place_of_key("client_crl"),
               "`client_crl` needs `client_ca`, the authorities that it is from");
  fields.read("client_auth", tls.client_auth, std::span<const Choice<ClientAuth>>(kClientAuth));
  if (fields.has("client_auth") && !fields.has("client_ca"))
    report.add(
        fields.place_of_key("client_auth"),
        "`client_auth` needs `client_ca`, the authorities that clients' certificates are from");
  read_key_exchange(fields, tls);
  return tls;
}

ProxyProtocol read_proxy_protocol(const Fields& listener) {
  ProxyProtocol protocol = ProxyProtocol::Off;
  listener.read("proxy_protocol", protocol, std::span<const Choice<ProxyProtocol>>(kProxyProtocol));
  return protocol;
}

void read_version_tls(const Fields& version, Version& out) {
  version.read("send_proxy", out.send_proxy, std::span<const Choice<SendProxy>>(kSendProxy));
  const bool h2 = out.protocol == UpstreamProtocol::Http2;
  if (h2 && out.send_proxy == SendProxy::V2)
    version.report().add(version.place_of_value("send_proxy"),
                         "`send_proxy` names one client, and an h2 connection serves many");
  const Node* node = version.find("tls");
  if (!node) return;
  Report& report = version.report();
  const Fields fields(report, *node, section::kVersionTls, "tls");
  if (!fields.usable()) return;
  UpstreamTls& tls = out.tls;
  tls.ca = read_path(fields, "ca");
  if (const auto name = fields.text("server_name", "a host name")) {
    tls.server_name = *name;
    if (!is_dns_name(*name) && !is_ip(*name))
      fields.bad_value("server_name", *name, "expected a host name or an address");
  }
  tls.client.cert = read_path(fields, "cert");
  tls.client.key = read_path(fields, "key");
  if (fields.has("key") && !fields.has("cert"))
    report.add(fields.place_of_key("key"), "`key` needs `cert`, the certificate it belongs to");
  fields.read("min_version", tls.min_version, std::span<const Choice<TlsVersion>>(kVersions));
  fields.read("verify", tls.verify);
  if (!tls.verify && (!tls.ca.empty() || !tls.server_name.empty()))
    report.add(fields.place_of_value("verify"),
               "`verify` is false, so `ca` and `server_name` would not be looked at");
  bool any = false;
  for (const Endpoint& endpoint : out.endpoints) any = any || endpoint.tls;
  if (!any && !out.endpoints.empty())
    report.add(version.place_of_key("tls"), "`tls` is for https:// endpoints, and there are none");
}

void resolve_tls_paths(Config& config, const std::string& folder) {
  const auto resolve = [&folder](std::string& path) {
    if (!path.empty() && path.front() != '/') path = folder + path;
  };
  const auto resolve_files = [&resolve](CertificateFiles& files) {
    resolve(files.cert);
    resolve(files.key);
    resolve(files.ocsp);
  };
  const auto resolve_listener = [&](ListenerTls& tls) {
    for (CertificateFiles& files : tls.certificates) resolve_files(files);
    resolve(tls.client_ca);
    resolve(tls.client_crl);
  };
  if (config.admin.tls) resolve_listener(*config.admin.tls);
  for (Listener& listener : config.listeners)
    if (listener.tls) resolve_listener(*listener.tls);
  for (Service& service : config.services) {
    for (Version& version : service.versions) {
      resolve(version.tls.ca);
      resolve_files(version.tls.client);
    }
  }
}

}  // namespace cutwater::config
