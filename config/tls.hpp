// Holds TLS and the PROXY protocol, as the operator wrote them. It is part of model.hpp and
// consists of values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cutwater::config {

enum class TlsVersion { V12, V13 };

// Holds paths to PEM files; relative ones are relative to the configuration file.
struct CertificateFiles {
  std::string cert;  // the certificate, then its chain
  std::string key;   // default: in the same file as the certificate
  std::string ocsp;  // stapled DER answer of the issuer's OCSP responder; empty = none
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

// Describes a listener that speaks TLS.
struct ListenerTls {
  enum class ClientAuth { Required, Optional };
  std::vector<CertificateFiles> certificates;  // the first serves names that no other one has
  TlsVersion min_version = TlsVersion::V12;
  std::string client_ca;   // PEM bundle; empty = no client certificates
  std::string client_crl;  // PEM, a revocation list of each authority; empty = none is revoked
  ClientAuth client_auth = ClientAuth::Required;
  // These serve the key exchange, the best first. A client may ask for any group that is listed:
  // one handshake by ffdhe8192 costs a hundred times what one by X25519 does.
  std::vector<std::string> groups = {"X25519", "P-256", "P-384"};
  // Names of cipher suites, the best first. A version of TLS of which none is listed keeps the
  // default ones.
  std::vector<std::string> ciphers;
  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

// Says whether a name of `ciphers` is a suite of TLS 1.3. Any thread may call it.
bool is_tls13_cipher(std::string_view name);

// Says how the https endpoints of a version are spoken to.
struct UpstreamTls {
  std::string ca;           // PEM bundle; if empty, the system's
  std::string server_name;  // SNI and the name to verify; if empty, the endpoint's host
  CertificateFiles client;  // our own certificate; empty = none
  TlsVersion min_version = TlsVersion::V12;
  bool verify = true;
  friend bool operator==(const UpstreamTls&, const UpstreamTls&) = default;
};

enum class ProxyProtocol { Off, Required };
enum class SendProxy { Off, V2 };

}  // namespace cutwater::config
