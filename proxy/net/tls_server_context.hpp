// Holds what a TLS listener offers: its certificates by name, versions, ALPN, and which clients it
// lets in. It is immutable; control loads a new one when a file changes and the workers swap it
// between two connections. A connection keeps the one its handshake began with. It offers TLS 1.2
// (with forward secrecy and AEAD only) and TLS 1.3, without renegotiation, compression and early
// data (a replayed POST would be a second POST).
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
  std::vector<std::string> alpn = {"http/1.1"};  // the first one that the client offers too is
                                                 // chosen
  std::shared_ptr<TicketKeys> tickets;           // shared by the whole process
  std::function<TimePoint()> now = [] { return Clock::now(); };
};

struct CertificateFacts {
  std::string file;
  std::string name;            // the first name it is for
  std::int64_t not_after = 0;  // unix seconds
};

struct RevocationFacts {
  std::string file;              // empty if nobody is revoked
  std::int64_t next_update = 0;  // unix seconds, the earliest; 0 if the lists do not say
};

class TlsServerContext {
 public:
  using Loaded = std::variant<std::shared_ptr<const TlsServerContext>, Problem>;
  // Reads the files of `listener.tls`. `listener` names what is served: a listener does not take
  // the sessions of another one, because it may ask for client certificates.
  static Loaded load(const std::string& listener, const config::ListenerTls& tls,
                     TlsServerOptions options);
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  SslPtr make_ssl() const { return SslPtr(SSL_new(slots_.front()->context.get())); }
  // Call it after the handshake. It returns null for a resumed session whose client certificate has
  // expired since.
  std::unique_ptr<TlsSession> session_of(const SSL* ssl) const;
  // Says whether `host` would have got the certificate that `server_name` got.
  bool same_certificate(std::string_view server_name, std::string_view host) const {
    return &slot_for(server_name) == &slot_for(host);
  }
  const std::vector<CertificateFacts>& certificates() const { return facts_; }
  const RevocationFacts& revocations() const { return revocations_; }

 private:
  // Holds certificates for the same names, one of each kind of key.
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
