// Makes certificates in the test, and TLS for its clients and upstreams: an authority issues what
// is asked for into files of a directory of its own, and there are contexts for
// TcpStream::start_tls().
//
//   TestAuthority authority;
//   const IssuedCert shop = authority.issue({.names = {"shop.test"}});
//   TlsDialer dialer(authority);
//   RawClient client(dialer.connect(port, "shop.test"));
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/certificate.hpp"
#include "proxy/net/tls_client_context.hpp"
#include "tests/support/tcp_stream.hpp"

namespace cutwater::test {

// Holds a directory that goes away with its owner.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text, int mode = 0600) const;

 private:
  std::filesystem::path path_;
};

struct CertRequest {
  std::vector<std::string> names = {};  // DNS names, or addresses
  std::string common_name = "test";
  int days_from = -1;  // notBefore and notAfter, from today
  int days_to = 30;
  bool rsa = false;  // otherwise P-256, which is made at once
  bool self_signed = false;
};

struct IssuedCert {
  std::string cert_path;
  std::string key_path;
  config::CertificateFiles files() const { return {cert_path, key_path, {}}; }
};

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "Test CA");
  IssuedCert issue(const CertRequest& request);
  // Does the same into files that exist already, as a renewal does.
  void renew(const IssuedCert& files, const CertRequest& request);
  // Writes a list that revokes `certificates` into a file of that name; returns its path.
  std::string revoke(const std::vector<IssuedCert>& certificates, const std::string& file,
                     int days_to = 30) const;
  const std::string& ca_path() const { return ca_path_; }
  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* key() const { return key_.get(); }
  const TempDirectory& directory() const { return directory_; }

 private:
  TempDirectory directory_;
  net::PkeyPtr key_;
  net::X509Ptr certificate_;
  std::string ca_path_;
  int issued_ = 0;
};

// Says what a TLS client of a test wants. With `resume`, sessions are kept over connect()s.
class TlsDialer {
 public:
  explicit TlsDialer(const TestAuthority& authority);
  TlsDialer& alpn(std::vector<std::string> protocols);
  TlsDialer& only(int version);  // TLS1_2_VERSION, TLS1_3_VERSION
  TlsDialer& certificate(const IssuedCert& certificate);
  TlsDialer& resume();
  // This is for TLS 1.2, where OpenSSL does not tell of the new ticket that a resumed session got.
  void take_ticket_of(const TcpStream& stream) const;
  SSL_CTX* native() const { return context_.get(); }

  // Returns after the handshake; throws TestFailure with OpenSSL's reason if it fails.
  TcpStream connect(std::uint16_t port, const std::string& server_name) const;
  // Does the same over a connection that exists already.
  void start(TcpStream& stream, const std::string& server_name) const;

 private:
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL_SESSION*> session_;  // null if none are kept
};

// Makes the context of an upstream that serves `certificate`, and asks for one of `client_ca` when
// that is not empty.
std::shared_ptr<SSL_CTX> server_context(const IssuedCert& certificate,
                                        const std::string& client_ca = "");
// Says how a proxy speaks to https upstreams; throws with the problem.
std::shared_ptr<const net::TlsClientContext> client_context(const config::UpstreamTls& tls,
                                                            const std::string& alpn);
// Makes it choose this protocol when a client offers it, and none otherwise. `name` must outlive
// it.
void choose_alpn(SSL_CTX* context, const char* name);

}  // namespace cutwater::test
