// Receives one https request, with a certificate that it makes itself, on a thread. It serves tests
// of the outgoing client, about which certificates that client trusts.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace cutwater::test {

class TlsReceiver {
 public:
  // The certificate signs itself and is good for `name` ("IP:127.0.0.1", "DNS:localhost").
  explicit TlsReceiver(const std::string& name) {
    std::string pattern = (std::filesystem::temp_directory_path() / "cw-tls-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    dir_ = pattern;
    write_certificate(name);
    tls_.use_certificate_file(certificate(), boost::asio::ssl::context::pem);
    tls_.use_private_key_file(dir_ + "/key.pem", boost::asio::ssl::context::pem);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsReceiver() {
    // Wakes the accept when nobody ever came.
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket poke(io);
    boost::system::error_code ignored;
    poke.connect({boost::asio::ip::address_v4::loopback(), port_}, ignored);
    poke.close(ignored);
    thread_.join();
    std::filesystem::remove_all(dir_);
  }
  TlsReceiver(const TlsReceiver&) = delete;
  TlsReceiver& operator=(const TlsReceiver&) = delete;

  std::uint16_t port() const { return port_; }
  std::string certificate() const { return dir_ + "/cert.pem"; }

 private:
  void write_certificate(const std::string& name) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_set_pubkey(cert.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(cert.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("receiver"), -1, -1, 0);
    X509_set_issuer_name(cert.get(), subject);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name.c_str());
    X509_add_ext(cert.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(cert.get(), key.get(), EVP_sha256());
    FILE* file = fopen(certificate().c_str(), "w");
    PEM_write_X509(file, cert.get());
    fclose(file);
    file = fopen((dir_ + "/key.pem").c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
  }

  void serve() {
    namespace http = boost::beast::http;
    boost::system::error_code error;
    boost::asio::ip::tcp::socket socket(io_);
    acceptor_.accept(socket, error);
    if (error) return;
    boost::beast::ssl_stream<boost::asio::ip::tcp::socket> stream(std::move(socket), tls_);
    stream.handshake(boost::asio::ssl::stream_base::server, error);
    if (error) return;
    boost::beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::read(stream, buffer, request, error);
    if (error) return;
    http::response<http::string_body> response{http::status::accepted, 11};
    response.body() = "got " + request.body();
    response.prepare_payload();
    http::write(stream, response, error);
    stream.shutdown(error);
  }

  std::string dir_;
  boost::asio::io_context io_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
  boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::uint16_t port_ = acceptor_.local_endpoint().port();
  std::thread thread_;
};

}  // namespace cutwater::test
