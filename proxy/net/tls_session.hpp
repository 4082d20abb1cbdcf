// Holds what is known of the TLS session a client's requests come in by, once its handshake is
// done. It lives as long as the connection; strings are empty where nothing is known.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cutwater::net {

class TlsServerContext;

struct TlsSession {
  std::string server_name;  // SNI, lower case
  // These describe the verified client certificate.
  std::string client_subject;      // RFC 4514, ASCII
  std::string client_fingerprint;  // SHA-256 of the certificate, lower-case hex
  std::shared_ptr<const TlsServerContext> context;

  // Returns false when a request for `host` came by a session whose certificate was chosen for
  // another name and is not the one `host` would have got (RFC 9110 7.4: 421).
  bool may_carry(std::string_view host) const;
};

}  // namespace cutwater::net
