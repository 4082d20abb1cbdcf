// What is known of the TLS session a client's requests come in by, once its handshake is done.
// Lives as long as the connection; empty strings where there is nothing to say.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cutwater::net {

class TlsServerContext;

struct TlsSession {
  std::string server_name;  // SNI, lower case
  // Of the verified client certificate.
  std::string client_subject;      // RFC 4514, ASCII
  std::string client_fingerprint;  // SHA-256 of the certificate, lower-case hex
  std::shared_ptr<const TlsServerContext> context;

  // False when a request for `host` came by a session whose certificate was chosen for another
  // name and is not the one `host` would have got (RFC 9110 7.4: 421).
  bool may_carry(std::string_view host) const;
};

}  // namespace cutwater::net
