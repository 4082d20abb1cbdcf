// Certificates and keys out of PEM files, and what they say of themselves. Every problem is a text
// for a person that names the file. Start and reload only; any thread.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/tls.hpp"

namespace cutwater::net {

struct X509Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Ptr = std::unique_ptr<X509, X509Free>;
struct X509CrlFree {
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
};
using X509CrlPtr = std::unique_ptr<X509_CRL, X509CrlFree>;
struct X509StoreFree {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};
using X509StorePtr = std::unique_ptr<X509_STORE, X509StoreFree>;
struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, PkeyFree>;
struct SslCtxFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslCtxPtr = std::unique_ptr<SSL_CTX, SslCtxFree>;

// Host names are compared without regard to case (RFC 9110 4.2.3); ASCII only.
std::string lower(std::string_view name);

struct Problem {
  std::string text;
};

// A certificate with its chain and key: they belong together, and the certificate is in force.
struct Identity {
  X509Ptr certificate;
  std::vector<X509Ptr> chain;
  PkeyPtr key;
  std::string ocsp;             // DER; empty = none
  std::int64_t ocsp_until = 0;  // unix seconds; 0 = it does not say
};
std::variant<Identity, Problem> load_identity(const config::CertificateFiles& files);
bool use_identity(SSL_CTX* context, const Identity& identity);

// A whole file, at most 1 MiB. `secret`: refused when everybody may read it.
std::variant<std::string, Problem> read_file(const std::string& path, bool secret = false);
// Every certificate of a PEM bundle; a problem when there is none.
std::variant<std::vector<X509Ptr>, Problem> load_bundle(const std::string& path);

// Every revocation list of a PEM bundle; a problem when there is none, or one is out of date.
std::variant<std::vector<X509CrlPtr>, Problem> load_revocations(const std::string& path);
// When its next issue is due (RFC 5280 5.1.2.5), unix seconds; 0 = it does not say.
std::int64_t next_update_unix(const X509_CRL* list);

// DNS names of the subjectAltName, lower case; the common name when there are none. Wildcards as
// written.
std::vector<std::string> names_of(const X509* certificate);
std::int64_t not_after_unix(const X509* certificate);
std::string subject_of(const X509* certificate);      // RFC 4514, ASCII
std::string fingerprint_of(const X509* certificate);  // SHA-256, lower-case hex
std::string fingerprint_of(const X509_CRL* list);

}  // namespace cutwater::net
