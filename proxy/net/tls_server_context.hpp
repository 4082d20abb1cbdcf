// What a TLS listener offers: its certificates by name, versions, ALPN, whom it lets in.
// Immutable; control loads a new one when a file changes and the workers swap it between two
// connections. A connection holds on to the one its handshake began with. TLS 1.2 with forward
// secrecy and AEAD only, TLS 1.3; no renegotiation, no compression, no early data (a replayed
// POST would be a second POST).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "proxy/net/certificate.hpp"
#include "proxy/net/ticket_keys.hpp"
#include "proxy/net/tls_session.hpp"
#include "proxy/net/tls_stream.hpp"

namespace cutwater::net {

struct TlsServerOptions {
  std::vector<std::string> alpn = {"http/1.1"};  // the first that the client offers too
  std::shared_ptr<TicketKeys> tickets;           // of the whole process
  std::function<TimePoint()> now = [] { return Clock::now(); };
};

struct CertificateFacts {
  std::string file;
  std::string name;            // the first it is for
  std::int64_t not_after = 0;  // unix seconds
};

struct RevocationFacts {
  std::string file;              // empty: nobody is revoked
  std::int64_t next_update = 0;  // unix seconds, the earliest; 0 = they do not say
};

class TlsServerContext {
 public:
  using Loaded = std::variant<std::shared_ptr<const TlsServerContext>, Problem>;
  // Reads the files of `listener.tls`. `listener` is the name of what is served: sessions of one
  // listener are not taken by another, which may ask for client certificates.
  static Loaded load(const std::string& listener, const config::ListenerTls& tls,
                     TlsServerOptions options);
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  SslPtr make_ssl() const { return SslPtr(SSL_new(slots_.front()->context.get())); }
  // After the handshake. Empty: a resumed session whose client certificate has run out since.
  std::unique_ptr<TlsSession> session_of(const SSL* ssl) const;
  // Whether `host` would have got the certificate that `server_name` got.
  bool same_certificate(std::string_view server_name, std::string_view host) const {
    return &slot_for(server_name) == &slot_for(host);
  }
  const std::vector<CertificateFacts>& certificates() const { return facts_; }
  const RevocationFacts& revocations() const { return revocations_; }

 private:
  // Certificates for the same names, one of each kind of key.
  struct Slot {
    SslCtxPtr context;
    std::vector<std::string> names;  // sorted
    std::vector<Identity> identities;
  };
  explicit TlsServerContext(TlsServerOptions options) : options_(std::move(options)) {}
  std::string add(const config::CertificateFiles& files);  // a problem, or empty
  struct Clients;
  static std::variant<Clients, Problem> load_clients(const config::ListenerTls& tls);
  void set_up(SSL_CTX* context, const std::string& listener, const config::ListenerTls& tls,
              const Clients& clients);
  const Slot& slot_for(std::string_view name) const;
  static const TlsServerContext& of(const SSL* ssl);
  static int on_server_name(SSL* ssl, int* alert, void* self);
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                     const unsigned char* in, unsigned in_size, void* self);
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int seal);
  static int on_status(SSL* ssl, void* slot);

  TlsServerOptions options_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::map<std::string, const Slot*, std::less<>> by_name_;  // exact, and "*.suffix"
  std::vector<CertificateFacts> facts_;
  RevocationFacts revocations_;
};

}  // namespace cutwater::net
