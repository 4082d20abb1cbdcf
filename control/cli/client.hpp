// A synchronous client of the admin API over http:// or unix:, one connection per request. Lives
// for one command; not thread-safe. Throws Failure with the exit code the contract asks for.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "control/cli/failure.hpp"

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
  // "http://127.0.0.1:9901" or "unix:/run/cutwater/admin.sock"; Failure(kUsage) otherwise.
  AdminClient(std::string url, std::string token);

  // Any answer, also 4xx and 5xx. Failure(kUnreachable) when there is none.
  AdminResponse ask(const AdminRequest& request) const;
  // Only a success; else Failure with the problem's detail.
  AdminResponse demand(const AdminRequest& request) const;
  AdminResponse get(const std::string& target) const { return demand({.target = target}); }
  AdminResponse post(const std::string& target, const boost::json::object& body) const;

 private:
  std::string url_;
  std::string token_;
  std::string host_;  // name or address; empty for unix
  std::string port_;
  std::string unix_path_;
};

[[noreturn]] void fail_with_problem(const AdminResponse& response);

// For one path segment: everything but unreserved characters is escaped (RFC 3986 2.3).
std::string escaped(std::string_view segment);
// "/v1/services/shop/versions/green"
std::string version_path(std::string_view service, std::string_view version);

}  // namespace cutwater::cli
