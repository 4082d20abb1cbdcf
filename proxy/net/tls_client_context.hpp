// Holds how one version's https endpoints are spoken to: which authorities we believe, and which
// certificate we show. It is immutable and shared by the workers; control makes it. Unless the
// operator says otherwise, a server must show a certificate in force, for the right name, from an
// authority we know.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "config/tls.hpp"
#include "proxy/net/certificate.hpp"
#include "proxy/net/tls_stream.hpp"

namespace cutwater::net {

class TlsClientContext {
 public:
  using Loaded = std::variant<std::shared_ptr<const TlsClientContext>, Problem>;
  // Reads the files of `tls`. `alpn` is what is offered, in order of preference; if it is empty, no
  // ALPN is sent.
  static Loaded load(const config::UpstreamTls& tls, const std::vector<std::string>& alpn);
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  // Makes the SSL for an endpoint called `host`, a name or an address. `session` may be null.
  SslPtr make_ssl(const std::string& host, SSL_SESSION* session) const;
  // Returns the name to ask `host` for.
  const std::string& name_for(const std::string& host) const {
    return server_name_.empty() ? host : server_name_;
  }
  // The fingerprint is equal for contexts that trust and show the same.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  TlsClientContext(SslCtxPtr context, std::string server_name, std::string fingerprint)
      : context_(std::move(context)),
        server_name_(std::move(server_name)),
        fingerprint_(std::move(fingerprint)) {}
  SslCtxPtr context_;
  std::string server_name_;
  std::string fingerprint_;
};

// Sets SNI and the name to verify. For an address `host` is "", because an address has no SNI (RFC
// 6066 3).
void expect_name(SSL* ssl, const std::string& host);

}  // namespace cutwater::net
