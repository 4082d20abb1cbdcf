#include "proxy/net/tls_server_context.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <ctime>

namespace cutwater::net {

namespace {

constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";

// OpenSSL reads lists of names with colons between them.
std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ":") + name;
  return out;
}

// False: this OpenSSL does not know one of the names.
bool set_key_exchange(SSL_CTX* context, const config::ListenerTls& tls) {
  std::vector<std::string> of12;
  std::vector<std::string> of13;
  for (const std::string& name : tls.ciphers)
    (config::is_tls13_cipher(name) ? of13 : of12).push_back(name);
  return SSL_CTX_set1_groups_list(context, joined(tls.groups).c_str()) == 1 &&
         SSL_CTX_set_cipher_list(context, of12.empty() ? kCiphers12 : joined(of12).c_str()) == 1 &&
         (of13.empty() || SSL_CTX_set_ciphersuites(context, joined(of13).c_str()) == 1);
}

// No ticket opens for longer than its key is kept.
constexpr long kSessionSeconds = 8 * 3600;

std::string_view server_name_of(const SSL* ssl) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return name ? std::string_view(name) : std::string_view();
}

// Fetched once, because looking an algorithm up by name costs more than using it.
const EVP_CIPHER* ticket_cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

bool arm(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
         bool seal) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
                                        const_cast<std::uint8_t*>(key.mac.data()), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, ticket_cipher(), nullptr, key.cipher.data(), iv, seal) == 1 &&
         EVP_MAC_CTX_set_params(mac, params) == 1;
}

}  // namespace

bool TlsSession::may_carry(std::string_view host) const {
  if (server_name.empty() || host.empty() || host == server_name || !context) return true;
  std::string name = lower(host);  // spelled as the client likes (RFC 9110 4.2.3)
  if (name.back() == '.') name.pop_back();
  return name == server_name || context->same_certificate(server_name, name);
}

// Says which clients may connect; it is read once, for the contexts of all certificates.
struct TlsServerContext::Clients {
  X509StorePtr store;  // null if no client is asked for a certificate
  std::vector<X509Ptr> authorities;
  int verify_mode = SSL_VERIFY_NONE;
  std::string identity;  // changes with everything that decides which clients are let in
  RevocationFacts revocations;
};

std::variant<TlsServerContext::Clients, Problem> TlsServerContext::load_clients(
    const config::ListenerTls& tls) {
  Clients clients;
  if (tls.client_ca.empty()) return clients;
  auto bundle = load_bundle(tls.client_ca);
  if (auto* problem = std::get_if<Problem>(&bundle)) return std::move(*problem);
  clients.authorities = std::move(std::get<std::vector<X509Ptr>>(bundle));
  clients.store.reset(X509_STORE_new());
  for (const X509Ptr& authority : clients.authorities) {
    X509_STORE_add_cert(clients.store.get(), authority.get());
    clients.identity += fingerprint_of(authority.get());
  }
  if (!tls.client_crl.empty()) {
    auto lists = load_revocations(tls.client_crl);
    if (auto* problem = std::get_if<Problem>(&lists)) return std::move(*problem);
    clients.revocations.file = tls.client_crl;
    std::int64_t& earliest = clients.revocations.next_update;
    for (const X509CrlPtr& list : std::get<std::vector<X509CrlPtr>>(lists)) {
      X509_STORE_add_crl(clients.store.get(), list.get());
      clients.identity += fingerprint_of(list.get());
      const std::int64_t due = next_update_unix(list.get());
      if (due != 0 && (earliest == 0 || due < earliest)) earliest = due;
    }
    // OpenSSL looks up every certificate of the chain: an authority without a list lets nobody in.
    X509_STORE_set_flags(clients.store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  const bool required = tls.client_auth == config::ListenerTls::ClientAuth::Required;
  clients.verify_mode = SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  clients.identity += required ? "required" : "optional";
  return clients;
}

// --- loading --------------------------------------------------------------------------------

TlsServerContext::Loaded TlsServerContext::load(const std::string& listener,
                                                const config::ListenerTls& tls,
                                                TlsServerOptions options) {
  std::shared_ptr<TlsServerContext> made(new TlsServerContext(std::move(options)));
  for (const config::CertificateFiles& files : tls.certificates)
    if (std::string problem = made->add(files); !problem.empty()) return Problem{problem};
  auto clients = load_clients(tls);
  if (auto* problem = std::get_if<Problem>(&clients)) return std::move(*problem);
  for (const auto& slot : made->slots_) {
    if (!set_key_exchange(slot->context.get(), tls)) {
      ERR_clear_error();
      return Problem{"this build's OpenSSL does not offer all of `groups` and `ciphers`"};
    }
    made->set_up(slot->context.get(), listener, tls, std::get<Clients>(clients));
  }
  made->revocations_ = std::move(std::get<Clients>(clients).revocations);
  return std::shared_ptr<const TlsServerContext>(std::move(made));
}

std::string TlsServerContext::add(const config::CertificateFiles& files) {
  auto loaded = load_identity(files);
  if (const auto* problem = std::get_if<Problem>(&loaded)) return problem->text;
  Identity& identity = std::get<Identity>(loaded);
  std::vector<std::string> names = names_of(identity.certificate.get());
  facts_.push_back({files.cert, names.empty() ? std::string() : names.front(),
                    not_after_unix(identity.certificate.get())});
  std::sort(names.begin(), names.end());

  const int kind = EVP_PKEY_get_base_id(identity.key.get());
  Slot* slot = nullptr;
  for (const auto& known : slots_) {
    const bool other_kind = std::none_of(
        known->identities.begin(), known->identities.end(),
        [kind](const Identity& i) { return EVP_PKEY_get_base_id(i.key.get()) == kind; });
    if (known->names == names && other_kind) slot = known.get();
  }
  if (!slot) {
    slots_.push_back(std::make_unique<Slot>());
    slot = slots_.back().get();
    slot->context.reset(SSL_CTX_new(TLS_server_method()));
    slot->names = names;
    for (const std::string& name : names) by_name_.try_emplace(name, slot);  // the first one wins
  }
  const bool used = use_identity(slot->context.get(), identity);
  const char* why = ERR_reason_error_string(ERR_peek_last_error());
  std::string problem =
      used ? "" : "`" + files.cert + "`: cannot be used: " + (why ? why : "unknown");
  ERR_clear_error();
  slot->identities.push_back(std::move(identity));
  return problem;
}

void TlsServerContext::set_up(SSL_CTX* context, const std::string& listener,
                              const config::ListenerTls& tls, const Clients& clients) {
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_min_proto_version(
      context, tls.min_version == config::TlsVersion::V13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets only
  SSL_CTX_set_timeout(context, kSessionSeconds);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &on_ticket);
  SSL_CTX_set_tlsext_servername_callback(context, &on_server_name);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  SSL_CTX_set_alpn_select_cb(context, &on_alpn, this);
  for (const auto& slot : slots_) {
    if (slot->context.get() != context) continue;
    SSL_CTX_set_tlsext_status_cb(context, &on_status);
    SSL_CTX_set_tlsext_status_arg(context, slot.get());
  }

  if (clients.store) {
    SSL_CTX_set1_cert_store(context, clients.store.get());
    for (const X509Ptr& authority : clients.authorities)
      SSL_CTX_add_client_CA(context, authority.get());
    SSL_CTX_set_verify(context, clients.verify_mode, nullptr);
  }
  // A session is only taken back by a listener that would have let its client in.
  const std::string identity = listener + '\0' + clients.identity;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> id;
  SHA256(reinterpret_cast<const unsigned char*>(identity.data()), identity.size(), id.data());
  SSL_CTX_set_session_id_context(context, id.data(), id.size());
}

// --- choosing -------------------------------------------------------------------------------

// Finds an exact name, else the wildcard of its domain (RFC 6125 6.4.3: one label, the leftmost),
// else the first certificate.
const TlsServerContext::Slot& TlsServerContext::slot_for(std::string_view name) const {
  const auto exact = by_name_.find(name);
  if (exact != by_name_.end()) return *exact->second;
  const auto dot = name.find('.');
  if (dot != name.npos && dot > 0) {
    const auto wildcard = by_name_.find("*" + std::string(name.substr(dot)));
    if (wildcard != by_name_.end()) return *wildcard->second;
  }
  return *slots_.front();
}

const TlsServerContext& TlsServerContext::of(const SSL* ssl) {
  return *static_cast<const TlsServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int TlsServerContext::on_server_name(SSL* ssl, int*, void* self) {
  const std::string name = lower(server_name_of(ssl));
  if (name.empty()) return SSL_TLSEXT_ERR_NOACK;
  const Slot& slot = static_cast<const TlsServerContext*>(self)->slot_for(name);
  SSL_set_SSL_CTX(ssl, slot.context.get());
  return SSL_TLSEXT_ERR_OK;
}

// A client that offers protocols of which we have none is told so (RFC 7301 3.2): an FTP client's
// session must not be taken for an HTTP one (ALPACA).
int TlsServerContext::on_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                              const unsigned char* in, unsigned in_size, void* self) {
  for (const std::string& ours : static_cast<const TlsServerContext*>(self)->options_.alpn) {
    for (unsigned at = 0; at < in_size; at += 1 + in[at]) {
      const std::string_view theirs(reinterpret_cast<const char*>(in + at + 1),
                                    std::min<unsigned>(in[at], in_size - at - 1));
      if (theirs != ours) continue;
      *out = in + at + 1;
      *out_size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int TlsServerContext::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                                EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  const TlsServerOptions& options = of(ssl).options_;
  if (!options.tickets) return 0;
  if (seal == 1) {
    const TicketKey key = options.tickets->sealing(options.now());
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, 16) != 1) return -1;
    return arm(key, iv, cipher, mac, true) ? 1 : -1;
  }
  const auto opening =
      options.tickets->opening(std::span<const std::uint8_t, 16>(name, 16), options.now());
  if (!opening) return 0;  // a full handshake
  if (!arm(opening->key, iv, cipher, mac, false)) return -1;
  // TLS 1.3 clients use a ticket once (RFC 8446 C.4): each gets its next one.
  return opening->renew || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

int TlsServerContext::on_status(SSL* ssl, void* slot) {
  for (const Identity& identity : static_cast<const Slot*>(slot)->identities) {
    if (identity.ocsp.empty() || SSL_get_certificate(ssl) == nullptr) continue;
    if (X509_cmp(identity.certificate.get(), SSL_get_certificate(ssl)) != 0) continue;
    // An outdated answer is worse than none.
    if (identity.ocsp_until != 0 && std::time(nullptr) >= identity.ocsp_until) break;
    void* copy = OPENSSL_memdup(identity.ocsp.data(), identity.ocsp.size());
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(identity.ocsp.size()));
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

std::unique_ptr<TlsSession> TlsServerContext::session_of(const SSL* ssl) const {
  auto session = std::make_unique<TlsSession>();
  session->server_name = lower(server_name_of(ssl));
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) return session;
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) return nullptr;
  session->client_subject = subject_of(certificate);
  session->client_fingerprint = fingerprint_of(certificate);
  return session;
}

}  // namespace cutwater::net
