// Fields by which a proxy tells who its client is: address, host, scheme, certificate, the URL that
// was asked for. Whoever sends them to a server that believes them becomes that client, so that
// only trusted proxies may. Families of names, not a list of cases; pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cutwater::config {

enum class ClientClaim : std::uint8_t {
  None,
  Forwarded,
  XForwarded,   // X-Forwarded*
  XClientCert,  // X-Client-Cert*
  XSsl,         // X-SSL-*
  XRealIp,
  XOriginalUrl,
  XOriginalHost,
  XRewriteUrl,
  XClientIp,
  XClusterClientIp,
  TrueClientIp,
  FrontEndHttps,
};
inline constexpr std::size_t kClientClaims = 13;

// Any case, and '_' is read as '-', as CGI and WSGI servers do.
ClientClaim client_claim(std::string_view field_name);
// "X-Forwarded-*": a stable label for logs and metrics.
std::string_view to_string(ClientClaim claim);

}  // namespace cutwater::config
