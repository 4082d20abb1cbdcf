// Implements a synchronous client of the admin API over http://, https:// or unix:, with one
// connection per request. A certificate is always verified, with the name of its host. It lives for
// one command and is not thread-safe. It throws Failure with the exit code that
// control/cli/README.md lists.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/tls.hpp"
#include "control/cli/failure.hpp"
#include "proxy/net/tls_client_context.hpp"

namespace cutwater::cli {

struct AdminRequest {
  std::string method = "GET";
  std::string target;
  std::string body = {};  // JSON
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::chrono::milliseconds timeout = std::chrono::seconds(35);  // for the whole answer
};

struct AdminResponse {
  int status = 0;
  boost::json::value body;
  std::string etag;
};

class AdminClient {
 public:
  // Takes "http://127.0.0.1:9901", "https://..." or "unix:/run/cutwater/admin.sock"; throws
  // Failure(kUsage) otherwise. `tls` is used by https: authorities and our own certificate.
  AdminClient(std::string url, std::string token, const config::UpstreamTls& tls = {});

  // Returns any answer, including 4xx and 5xx. Throws Failure(kUnreachable) when there is none.
  AdminResponse ask(const AdminRequest& request) const;
  // Returns a success only; otherwise it throws Failure with the problem's detail.
  AdminResponse demand(const AdminRequest& request) const;
  AdminResponse get(const std::string& target) const { return demand({.target = target}); }
  AdminResponse post(const std::string& target, const boost::json::object& body) const;

 private:
  std::string url_;
  std::string token_;
  std::string host_;  // name or address; empty for a unix socket
  std::string port_;
  std::string unix_path_;
  std::shared_ptr<const net::TlsClientContext> tls_;  // null in clear
};

[[noreturn]] void fail_with_problem(const AdminResponse& response);

// Escapes text for one path segment: everything except unreserved characters (RFC 3986 2.3).
std::string escaped(std::string_view segment);
// Returns "/v1/services/shop/versions/green".
std::string version_path(std::string_view service, std::string_view version);

}  // namespace cutwater::cli
