#include "proxy/net/tls_client_context.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proxy/net/ip_address.hpp"

namespace cutwater::net {

namespace {

std::string wire_format(const std::vector<std::string>& alpn) {
  std::string out;
  for (const std::string& protocol : alpn) out += static_cast<char>(protocol.size()) + protocol;
  return out;
}

// The newest session goes where the connection was told to keep it; TLS 1.3 advises to use a
// session only once, and the next full response brings another.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
  const auto* stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  SslSessionPtr* slot = stream ? stream->session_slot() : nullptr;  // a probe has no TlsStream
  if (!slot) return 0;
  slot->reset(session);
  return 1;
}

}  // namespace

TlsClientContext::Loaded TlsClientContext::load(const config::UpstreamTls& tls,
                                                const std::vector<std::string>& alpn) {
  std::string fingerprint = tls.server_name + (tls.verify ? " verified " : " unverified ") +
                            (tls.min_version == config::TlsVersion::V13 ? "1.3 " : "1.2 ");
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(
      context.get(), tls.min_version == config::TlsVersion::V13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), &on_new_session);
  SSL_CTX_set_verify(context.get(), tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!tls.ca.empty()) {
    auto bundle = load_bundle(tls.ca);
    if (auto* problem = std::get_if<Problem>(&bundle)) return std::move(*problem);
    X509_STORE* store = SSL_CTX_get_cert_store(context.get());
    for (const X509Ptr& authority : std::get<std::vector<X509Ptr>>(bundle)) {
      X509_STORE_add_cert(store, authority.get());
      fingerprint += fingerprint_of(authority.get()) + ' ';
    }
  } else {
    SSL_CTX_set_default_verify_paths(context.get());
  }
  if (!tls.client.cert.empty()) {
    auto identity = load_identity(tls.client);
    if (auto* problem = std::get_if<Problem>(&identity)) return std::move(*problem);
    const Identity& ours = std::get<Identity>(identity);
    fingerprint += "client " + fingerprint_of(ours.certificate.get()) + ' ';
    for (const X509Ptr& link : ours.chain) fingerprint += fingerprint_of(link.get()) + ' ';
    if (!use_identity(context.get(), std::get<Identity>(identity))) {
      ERR_clear_error();
      return Problem{"`" + tls.client.cert + "`: the client certificate cannot be used"};
    }
  }
  const std::string protocols = wire_format(alpn);
  fingerprint += protocols;
  if (!protocols.empty())
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
  ERR_clear_error();
  return std::shared_ptr<const TlsClientContext>(
      new TlsClientContext(std::move(context), tls.server_name, std::move(fingerprint)));
}

void expect_name(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (parse_ip(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str());
    return;
  }
  X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
  SSL_set_tlsext_host_name(ssl, host.c_str());
}

SslPtr TlsClientContext::make_ssl(const std::string& host, SSL_SESSION* session) const {
  SslPtr ssl(SSL_new(context_.get()));
  expect_name(ssl.get(), name_for(host));
  if (session) SSL_set_session(ssl.get(), session);
  return ssl;
}

}  // namespace cutwater::net
