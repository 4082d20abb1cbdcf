// Makes one outgoing HTTP/1.1 request over http or https: notifications, gates, anything that
// control asks of other systems. It runs on control's io_context. A request owns its connection and
// lives as long as its coroutine; to cancel or destroy that coroutine ends the request. It never
// follows a redirect (a signature or token is meant for one receiver), never speaks TLS without
// verifying the certificate and the host name (RFC 9110 4.3.4), and never takes more memory than
// the limits say.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cutwater::control {

class Connection;

// Holds the parts of "https://hooks.example.com:8443/x?y".
struct HttpUrl {
  bool tls = false;
  std::string host;       // name or address, without brackets
  std::string port;       // a number, the scheme's default when none was written
  std::string authority;  // for the Host field
  std::string target;     // path and query, "/" when there is none; the fragment is dropped
};
// Returns nullopt if the URL is not http(s), has no host, or holds user and password (they would
// end up in logs).
std::optional<HttpUrl> parse_http_url(std::string_view url);

using HttpFields = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "POST";
  std::string url;
  HttpFields fields = {};  // Host, User-Agent, Content-Length and Connection are added
  std::string body = {};
  // for name, connect, TLS and answer together
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
  std::uint32_t max_head = 16 * 1024;  // a longer head of an answer is an error
  std::size_t max_body = 64 * 1024;    // a longer body is cut off, see HttpAnswer::truncated
  bool head_only = false;              // the body of the answer is not read
  // If set, connect to the first of these that answers instead of looking the URL's host up.
  std::vector<boost::asio::ip::tcp::endpoint> addresses = {};
  bool send_proxy = false;   // the connection begins with a PROXY header that says LOCAL
  std::string ca_file = {};  // PEM; if empty, the system's certificates (or SSL_CERT_FILE)
};

struct HttpAnswer {
  int status = 0;
  HttpFields fields;
  std::string body;
  bool truncated = false;  // the body was longer than max_body

  bool is_success() const { return status / 100 == 2; }
  std::string_view field(std::string_view name) const;  // the first; "" when there is none
};

struct HttpOutcome {
  std::optional<HttpAnswer> answer;
  std::string error;  // set if there is no answer: a sentence for a person, "connect: Connection
                      // refused"
};

// Throws only when it is cancelled; every failure of the other side is an outcome.
boost::asio::awaitable<HttpOutcome> ask_http(HttpRequest request);
// Does the same over a connection that is ready, for whom TLS of its own kind was started. Of `url`
// and of where to go, only `authority` and `target` count.
boost::asio::awaitable<HttpOutcome> exchange_http(Connection& connection,
                                                  const HttpRequest& request, const HttpUrl& url);

}  // namespace cutwater::control
