#include "control/cli/client.hpp"

#include <openssl/x509_vfy.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "config/model.hpp"
#include "control/base/json_text.hpp"
#include "control/base/wire.hpp"
#include "control/cli/output.hpp"

namespace cutwater::cli {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace {

using Protocol = asio::generic::stream_protocol;
using control::Wire;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::uint64_t kLargestAnswer = 64 * 1024 * 1024;

// Says how one exchange ended.
struct Outcome {
  boost::system::error_code error;
  std::string certificate_problem = {};  // why the proxy's certificate is not believed
  Response response;
};

struct Peer {
  std::vector<Protocol::endpoint> endpoints;
  std::string host;
  std::shared_ptr<const net::TlsClientContext> tls;  // null in clear
};

// The arguments are passed by pointer and not by reference: the caller waits for the end before
// they are destroyed.
asio::awaitable<Outcome> exchange(const Peer* peer, const Request* request,
                                  std::chrono::milliseconds timeout) {
  Outcome outcome;
  const auto executor = co_await asio::this_coro::executor;
  Wire stream((Wire::Plain(executor)));
  for (const Protocol::endpoint& endpoint : peer->endpoints) {
    stream.close();
    stream.expires_after(kConnectTimeout);
    auto [error] = co_await stream.plain().async_connect(endpoint, kToken);
    outcome.error = error;
    if (!error) break;
  }
  if (outcome.error) co_return outcome;
  if (peer->tls) {
    stream.use_tls(peer->tls->make_ssl(peer->host, nullptr));
    auto [error] = co_await stream.async_handshake(Wire::Handshake::client, kToken);
    const long verified = SSL_get_verify_result(stream.tls());
    if (error && verified != X509_V_OK)
      outcome.certificate_problem = X509_verify_cert_error_string(verified);
    outcome.error = error;
    if (error) co_return outcome;
  }
  stream.expires_after(timeout);
  auto [write_error, written] = co_await http::async_write(stream, *request, kToken);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kLargestAnswer);
  auto [read_error, size] = co_await http::async_read(stream, buffer, parser, kToken);
  // An answer may come although the request was refused before all of it was sent.
  outcome.error = read_error && write_error ? write_error : read_error;
  outcome.response = parser.release();
  co_return outcome;
}

std::vector<Protocol::endpoint> resolve(asio::io_context& io, const std::string& host,
                                        const std::string& port, boost::system::error_code& error) {
  asio::ip::tcp::resolver resolver(io);
  std::vector<Protocol::endpoint> endpoints;
  for (const auto& entry : resolver.resolve(host, port, error)) {
    endpoints.emplace_back(entry.endpoint());
  }
  return endpoints;
}

Request make_request(const AdminRequest& what, const std::string& host, const std::string& token) {
  Request request(http::string_to_verb(what.method), what.target, 11);
  request.set(http::field::host, host);
  request.set(http::field::user_agent, "cutwater/" CUTWATER_VERSION);
  request.set(http::field::accept, "application/json");
  request.set(http::field::connection, "close");
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  for (const auto& [name, value] : what.headers) request.set(name, value);
  if (!what.body.empty() && request.count(http::field::content_type) == 0) {
    request.set(http::field::content_type, "application/json");
  }
  request.body() = what.body;
  request.prepare_payload();
  return request;
}

// Writes a problem as `cutwater check` prints it: file:line:column: message.
std::string problem_line(const boost::json::value& problem) {
  std::string line = text_of(problem, "file");
  for (const char* name : {"line", "column"}) {
    if (const auto at = number_of(problem, name); at > 0) line += ":" + short_number(at, 0);
  }
  return line + ": " + text_of(problem, "message");
}

}  // namespace

AdminClient::AdminClient(std::string url, std::string token, const config::UpstreamTls& tls)
    : url_(std::move(url)), token_(std::move(token)) {
  if (token_.find_first_of("\r\n") != token_.npos) {
    throw Failure(kUsage, "the token contains a line break");
  }
  if (url_.starts_with("unix:") && url_.size() > 5) {
    unix_path_ = url_.substr(5);
    return;
  }
  const auto parsed = boost::urls::parse_uri(url_);
  const bool encrypted = parsed && parsed->scheme() == "https";
  if (!parsed || (!encrypted && parsed->scheme() != "http") || parsed->host().empty() ||
      (!parsed->path().empty() && parsed->path() != "/")) {
    throw Failure(kUsage,
                  "'" + url_ + "' is no admin address; write http[s]://HOST:PORT or unix:PATH");
  }
  host_ = parsed->host_address();
  port_ = parsed->has_port() ? std::string(parsed->port()) : encrypted ? "443" : "80";
  if (!encrypted) return;
  auto loaded = net::TlsClientContext::load(tls, {"http/1.1"});
  if (const auto* problem = std::get_if<net::Problem>(&loaded))
    throw Failure(kUsage, problem->text);
  tls_ = std::get<std::shared_ptr<const net::TlsClientContext>>(std::move(loaded));
}

AdminResponse AdminClient::ask(const AdminRequest& what) const {
  asio::io_context io(1);
  Peer peer{{}, host_, tls_};
  boost::system::error_code error;
  if (unix_path_.empty()) {
    peer.endpoints = resolve(io, host_, port_, error);
  } else if (unix_path_.size() < 108) {  // sockaddr_un
    peer.endpoints.emplace_back(asio::local::stream_protocol::endpoint(unix_path_));
  } else {
    error = asio::error::name_too_long;
  }
  const std::string host = unix_path_.empty() ? config::url_host(host_) + ":" + port_ : "localhost";
  const Request request = make_request(what, host, token_);
  Outcome outcome;
  if (!error) {
    auto future = asio::co_spawn(io, exchange(&peer, &request, what.timeout), asio::use_future);
    io.run();
    outcome = future.get();
    error = outcome.error;
  }
  if (!outcome.certificate_problem.empty()) {
    throw Failure(kUnreachable, "the certificate of " + url_ +
                                    " is not believed: " + outcome.certificate_problem +
                                    ". --ca or CUTWATER_CA names a file with its authority");
  }
  if (error) {
    throw Failure(kUnreachable, "no answer from the proxy at " + url_ + ": " + error.message() +
                                    ". Is it running? --admin or CUTWATER_ADMIN says where");
  }
  AdminResponse response;
  response.status = static_cast<int>(outcome.response.result_int());
  response.etag = std::string(outcome.response[http::field::etag]);
  response.body = boost::json::parse(outcome.response.body(), error);
  if (error) {
    throw Failure(response.status < 400 ? kInternal : exit_code_of(response.status),
                  "the answer from " + url_ + " (status " + std::to_string(response.status) +
                      ") is not JSON; is this the admin address?");
  }
  return response;
}

AdminResponse AdminClient::demand(const AdminRequest& request) const {
  AdminResponse response = ask(request);
  if (response.status >= 400) fail_with_problem(response);
  return response;
}

AdminResponse AdminClient::post(const std::string& target, const boost::json::object& body) const {
  return demand({.method = "POST", .target = target, .body = control::to_text(body)});
}

void fail_with_problem(const AdminResponse& response) {
  std::string message = "the proxy answered " + std::to_string(response.status);
  if (const auto* body = response.body.if_object()) {
    if (const auto* detail = body->if_contains("detail"); detail && detail->is_string()) {
      message = detail->as_string();
    }
    const auto* problems = body->if_contains("problems");
    if (problems != nullptr && problems->is_array()) {
      // The detail names the first of them: that is enough of that one.
      const std::string said = message;
      for (const auto& problem : problems->as_array())
        if (said.find(text_of(problem, "message")) == said.npos)
          message += "\n  " + problem_line(problem);
    }
  }
  throw Failure(exit_code_of(response.status), message);
}

std::string escaped(std::string_view segment) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const unsigned char c : segment) {
    if (std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      text += static_cast<char>(c);
    } else {
      text += '%';
      text += kDigits[c >> 4];
      text += kDigits[c & 15];
    }
  }
  return text;
}

std::string version_path(std::string_view service, std::string_view version) {
  return "/v1/services/" + escaped(service) + "/versions/" + escaped(version);
}

}  // namespace cutwater::cli
