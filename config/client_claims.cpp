#include "config/client_claims.hpp"

namespace cutwater::config {
namespace {

constexpr std::string_view kShortestFamily = "x-ssl-";

char plain(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// `lower` is in small letters, with '-'.
bool begins_with(std::string_view name, std::string_view lower) {
  if (name.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i)
    if (plain(name[i]) != lower[i]) return false;
  return true;
}

ClientClaim whole(std::string_view name, std::string_view lower, ClientClaim claim) {
  return name.size() == lower.size() && begins_with(name, lower) ? claim : ClientClaim::None;
}

ClientClaim with_x(std::string_view name) {
  using enum ClientClaim;
  switch (plain(name[2])) {
    case 'c':
      if (begins_with(name, "x-client-cert")) return XClientCert;
      if (name.size() == 11) return whole(name, "x-client-ip", XClientIp);
      return whole(name, "x-cluster-client-ip", XClusterClientIp);
    case 'f':
      return begins_with(name, "x-forwarded") ? XForwarded : None;
    case 'o':
      if (name.size() == 14) return whole(name, "x-original-url", XOriginalUrl);
      return whole(name, "x-original-host", XOriginalHost);
    case 'r':
      if (name.size() == 9) return whole(name, "x-real-ip", XRealIp);
      return whole(name, "x-rewrite-url", XRewriteUrl);
    case 's':
      return begins_with(name, "x-ssl-") ? XSsl : None;
    default:
      return None;
  }
}

}  // namespace

// The first letters choose the only candidates: this is asked of every field that is not known.
ClientClaim client_claim(std::string_view field_name) {
  using enum ClientClaim;
  if (field_name.size() < kShortestFamily.size()) return None;
  switch (plain(field_name[0])) {
    case 'f':
      if (field_name.size() == 9) return whole(field_name, "forwarded", Forwarded);
      return whole(field_name, "front-end-https", FrontEndHttps);
    case 't':
      return whole(field_name, "true-client-ip", TrueClientIp);
    case 'x':
      return plain(field_name[1]) == '-' ? with_x(field_name) : None;
    default:
      return None;
  }
}

std::string_view to_string(ClientClaim claim) {
  using enum ClientClaim;
  switch (claim) {
    case None:
      return "none";
    case Forwarded:
      return "Forwarded";
    case XForwarded:
      return "X-Forwarded-*";
    case XClientCert:
      return "X-Client-Cert-*";
    case XSsl:
      return "X-SSL-*";
    case XRealIp:
      return "X-Real-IP";
    case XOriginalUrl:
      return "X-Original-URL";
    case XOriginalHost:
      return "X-Original-Host";
    case XRewriteUrl:
      return "X-Rewrite-URL";
    case XClientIp:
      return "X-Client-IP";
    case XClusterClientIp:
      return "X-Cluster-Client-IP";
    case TrueClientIp:
      return "True-Client-IP";
    case FrontEndHttps:
      return "Front-End-Https";
  }
  return "none";
}

}  // namespace cutwater::config
