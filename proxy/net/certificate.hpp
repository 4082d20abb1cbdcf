// Reads certificates and keys out of PEM files, and tells what they say of themselves. Every
// problem is a text for a person that names the file. Any thread may call it, at start and reload
// only.
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

// Puts a name into lower case: host names are compared without regard to case (RFC 9110 4.2.3), in
// ASCII only.
std::string lower(std::string_view name);

struct Problem {
  std::string text;
};

// Holds a certificate with its chain and key, which belong together; the certificate is in force.
struct Identity {
  X509Ptr certificate;
  std::vector<X509Ptr> chain;
  PkeyPtr key;
  std::string ocsp;             // DER; empty = none
  std::int64_t ocsp_until = 0;  // unix seconds; 0 if the answer does not say
};
std::variant<Identity, Problem> load_identity(const config::CertificateFiles& files);
bool use_identity(SSL_CTX* context, const Identity& identity);

// Reads a whole file, at most 1 MiB. A `secret` file is refused when everybody may read it.
std::variant<std::string, Problem> read_file(const std::string& path, bool secret = false);
// Loads every certificate of a PEM bundle; returns a problem when there is none.
std::variant<std::vector<X509Ptr>, Problem> load_bundle(const std::string& path);

// Loads every revocation list of a PEM bundle; returns a problem when there is none, or one is out
// of date.
std::variant<std::vector<X509CrlPtr>, Problem> load_revocations(const std::string& path);
// Returns when the list's next issue is due (RFC 5280 5.1.2.5) in unix seconds; 0 if the list does
// not say.
std::int64_t next_update_unix(const X509_CRL* list);

// Returns the DNS names of the subjectAltName in lower case, or the common name when there are
// none. Wildcards stay as written.
std::vector<std::string> names_of(const X509* certificate);
std::int64_t not_after_unix(const X509* certificate);
std::string subject_of(const X509* certificate);      // RFC 4514, ASCII
std::string fingerprint_of(const X509* certificate);  // SHA-256, lower-case hex
std::string fingerprint_of(const X509_CRL* list);

}  // namespace cutwater::net
