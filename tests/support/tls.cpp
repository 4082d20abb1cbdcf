#include "tests/support/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace cutwater::test {

namespace {

std::string pem_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string out(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string out(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return out;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (!extension) throw TestFailure("no such extension: " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

net::PkeyPtr make_key(bool rsa) {
  return net::PkeyPtr(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
}

net::X509Ptr make_certificate(const std::string& name, EVP_PKEY* key, int days_from, int days_to) {
  static int serial = 1;
  net::X509Ptr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 86400L * days_from);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86400L * days_to);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  std::string out = text ? text : "closed";
  ERR_clear_error();
  return out;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto** slot = static_cast<SSL_SESSION**>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (!slot) return 0;
  SSL_SESSION_free(*slot);
  *slot = session;
  return 1;
}

}  // namespace

// --- files ----------------------------------------------------------------------------------

TempDirectory::TempDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "cutwater-test-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw TestFailure("mkdtemp");
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDirectory::write(const std::string& name, const std::string& text, int mode) const {
  const std::string file = (path_ / name).string();
  std::ofstream(file) << text;
  ::chmod(file.c_str(), static_cast<mode_t>(mode));
  return file;
}

// --- TestAuthority --------------------------------------------------------------------------

TestAuthority::TestAuthority(const std::string& name)
    : key_(make_key(false)), certificate_(make_certificate(name, key_.get(), -1, 365)) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_.get(), certificate_.get(), NID_subject_key_identifier, "hash");
  X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  ca_path_ = directory_.write("ca.pem", pem_of(certificate_.get()), 0644);
}

IssuedCert TestAuthority::issue(const CertRequest& request) {
  const std::string name = "cert" + std::to_string(++issued_);
  IssuedCert issued{(directory_.path() / (name + ".pem")).string(),
                    (directory_.path() / (name + ".key")).string()};
  renew(issued, request);
  return issued;
}

std::string TestAuthority::revoke(const std::vector<IssuedCert>& certificates,
                                  const std::string& file, int days_to) const {
  const net::X509CrlPtr list(X509_CRL_new());
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> from(
      X509_time_adj_ex(nullptr, -1, 0, nullptr), ASN1_TIME_free);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> to(
      X509_time_adj_ex(nullptr, days_to, 0, nullptr), ASN1_TIME_free);
  X509_CRL_set1_lastUpdate(list.get(), from.get());
  X509_CRL_set1_nextUpdate(list.get(), to.get());
  for (const IssuedCert& certificate : certificates) {
    auto loaded = net::load_bundle(certificate.cert_path);
    const X509* gone = std::get<std::vector<net::X509Ptr>>(loaded).front().get();
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(gone)));
    X509_REVOKED_set_revocationDate(entry, from.get());
    X509_CRL_add0_revoked(list.get(), entry);
  }
  X509_CRL_sort(list.get());
  X509_CRL_sign(list.get(), key_.get(), EVP_sha256());
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509_CRL(bio.get(), list.get());
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return directory_.write(file, std::string(text, static_cast<std::size_t>(size)), 0644);
}

void TestAuthority::renew(const IssuedCert& files, const CertRequest& request) {
  const net::PkeyPtr key = make_key(request.rsa);
  net::X509Ptr made =
      make_certificate(request.common_name, key.get(), request.days_from, request.days_to);
  X509* issuer = request.self_signed ? made.get() : certificate_.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  std::string names;
  for (const std::string& name : request.names) {
    in_addr unused{};
    const bool address = ::inet_pton(AF_INET, name.c_str(), &unused) == 1;
    names += (names.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + name;
  }
  if (!names.empty()) add_extension(made.get(), issuer, NID_subject_alt_name, names);
  X509_sign(made.get(), request.self_signed ? key.get() : key_.get(), EVP_sha256());
  // Each file appears whole, as a careful renewal does it.
  const std::string cert = directory_.write("new.pem", pem_of(made.get()), 0644);
  const std::string secret = directory_.write("new.key", pem_of(key.get()));
  std::filesystem::rename(secret, files.key_path);
  std::filesystem::rename(cert, files.cert_path);
}

// --- TlsDialer ------------------------------------------------------------------------------

TlsDialer::TlsDialer(const TestAuthority& authority)
    : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_load_verify_file(context_.get(), authority.ca_path().c_str());
}

TlsDialer& TlsDialer::alpn(std::vector<std::string> protocols) {
  std::string wire;
  for (const std::string& one : protocols) wire += static_cast<char>(one.size()) + one;
  SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned>(wire.size()));
  return *this;
}

TlsDialer& TlsDialer::only(int version) {
  SSL_CTX_set_min_proto_version(context_.get(), version);
  SSL_CTX_set_max_proto_version(context_.get(), version);
  return *this;
}

TlsDialer& TlsDialer::certificate(const IssuedCert& certificate) {
  SSL_CTX_use_certificate_file(context_.get(), certificate.cert_path.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(context_.get(), certificate.key_path.c_str(), SSL_FILETYPE_PEM);
  return *this;
}

TlsDialer& TlsDialer::resume() {
  session_ = std::shared_ptr<SSL_SESSION*>(new SSL_SESSION*(nullptr), [](SSL_SESSION** slot) {
    SSL_SESSION_free(*slot);
    delete slot;
  });
  SSL_CTX_set_app_data(context_.get(), session_.get());
  SSL_CTX_set_session_cache_mode(context_.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_.get(), &keep_session);
  return *this;
}

void TlsDialer::take_ticket_of(const TcpStream& stream) const {
  if (SSL_version(stream.tls()) != TLS1_2_VERSION) return;
  SSL_SESSION_free(*session_);
  *session_ = SSL_get1_session(stream.tls());
}

TcpStream TlsDialer::connect(std::uint16_t port, const std::string& server_name) const {
  TcpStream stream = TcpStream::connect({.port = port});
  start(stream, server_name);
  return stream;
}

void TlsDialer::start(TcpStream& stream, const std::string& server_name) const {
  std::shared_ptr<SSL> ssl(SSL_new(context_.get()), &SSL_free);
  SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
  SSL_set1_host(ssl.get(), server_name.c_str());
  if (session_ && *session_) SSL_set_session(ssl.get(), *session_);
  SSL_set_connect_state(ssl.get());
  if (!stream.start_tls(std::move(ssl))) throw TestFailure("TLS: " + reason());
}

std::shared_ptr<SSL_CTX> server_context(const IssuedCert& certificate,
                                        const std::string& client_ca) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  SSL_CTX_use_certificate_file(context.get(), certificate.cert_path.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(context.get(), certificate.key_path.c_str(), SSL_FILETYPE_PEM);
  if (!client_ca.empty()) {
    SSL_CTX_load_verify_file(context.get(), client_ca.c_str());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  const unsigned char id[] = "upstream";
  SSL_CTX_set_session_id_context(context.get(), id, sizeof id);
  return context;
}

std::shared_ptr<const net::TlsClientContext> client_context(const config::UpstreamTls& tls,
                                                            const std::string& alpn) {
  auto loaded = net::TlsClientContext::load(tls, {alpn});
  if (const auto* problem = std::get_if<net::Problem>(&loaded)) throw TestFailure(problem->text);
  return std::get<std::shared_ptr<const net::TlsClientContext>>(std::move(loaded));
}

void choose_alpn(SSL_CTX* context, const char* name) {
  const auto choose = [](SSL*, const unsigned char** out, unsigned char* out_size,
                         const unsigned char* offered, unsigned offered_size, void* wanted) {
    const std::string_view want(static_cast<const char*>(wanted));
    for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
      const std::string_view one(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
      if (one != want) continue;
      *out = offered + at + 1;
      *out_size = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
  };
  SSL_CTX_set_alpn_select_cb(context, choose, const_cast<char*>(name));
}

}  // namespace cutwater::test
