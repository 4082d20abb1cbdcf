#include "control/base/http_client.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <memory>

#include "control/base/connection.hpp"
#include "proxy/net/tls_client_context.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 8 * 1024;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

HttpOutcome failed_with(std::string error) {
  return {std::nullopt, std::move(error)};
}

struct Addresses {
  explicit Addresses(const asio::any_io_executor& executor) : resolver(executor), found(executor) {}
  tcp::resolver resolver;
  asio::steady_timer found;  // cancelled when there is a result; when it expires, the time limit
                             // has passed
  bool done = false;
  error_code error;
  std::vector<tcp::endpoint> list;
};

// getaddrinfo cannot be interrupted: a resolver that hangs is left to itself, and its late answer
// is dropped, so that the time limit holds.
asio::awaitable<std::shared_ptr<Addresses>> look_up(HttpUrl url,
                                                    std::chrono::milliseconds timeout) {
  const auto addresses = std::make_shared<Addresses>(co_await asio::this_coro::executor);
  error_code not_literal;
  const auto literal = asio::ip::make_address(url.host, not_literal);
  if (!not_literal) {
    addresses->list.emplace_back(literal, static_cast<std::uint16_t>(std::stoul(url.port)));
    addresses->done = true;
    co_return addresses;
  }
  addresses->found.expires_after(timeout);
  addresses->resolver.async_resolve(
      url.host, url.port, tcp::resolver::numeric_service,
      [addresses](error_code error, const tcp::resolver::results_type& results) {
        addresses->done = true;
        addresses->error = error;
        for (const auto& result : results) addresses->list.push_back(result.endpoint());
        addresses->found.cancel();
      });
  co_await addresses->found.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return addresses;
}

std::string make_message(const HttpRequest& request, const HttpUrl& url) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.set(http::field::host, url.authority);
  message.set(http::field::user_agent, "cutwater/" CUTWATER_VERSION);
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : request.fields) message.set(name, value);
  message.body() = request.body;
  message.prepare_payload();
  std::string text = request.method + " " + url.target + " HTTP/1.1\r\n";
  for (const auto& field : message)
    text.append(view(field.name_string())).append(": ").append(view(field.value())).append("\r\n");
  return text.append("\r\n").append(request.body);
}

// Parses until the head, a piece of the body or the end has come, and reads as often as that needs.
asio::awaitable<error_code> parse_some(Connection& connection, beast::flat_buffer& buffer,
                                       http::basic_parser<false>& parser) {
  error_code error = http::error::need_more;
  if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), error));
  while (error == http::error::need_more) {
    const auto room = buffer.prepare(kReadBytes);
    const std::span into(static_cast<char*>(room.data()), room.size());
    const auto [failed, size] = co_await connection.read_some(into);
    error = failed;
    if (error == asio::error::eof && parser.got_some()) {
      error = {};
      parser.put_eof(error);
    } else if (error == asio::error::eof) {
      error = http::error::end_of_stream;
    } else if (!error) {
      buffer.commit(size);
      buffer.consume(parser.put(buffer.data(), error));
    }
  }
  co_return error;
}

std::optional<std::string> trust(ssl::context& context, const std::string& ca_file) {
  error_code error;
  if (ca_file.empty())
    context.set_default_verify_paths(error);
  else
    context.load_verify_file(ca_file, error);
  if (!error) return std::nullopt;
  return "certificates to trust" + (ca_file.empty() ? "" : " from " + ca_file) + ": " +
         error.message();
}

// The context is made for each request, so that certificates renewed on disk count; there are few
// requests. Returns what went wrong.
asio::awaitable<std::optional<std::string>> start_tls(Connection& connection,
                                                      const HttpRequest& request,
                                                      const HttpUrl& url) {
  ssl::context context(ssl::context::tls_client);
  context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context.set_verify_mode(ssl::verify_peer);
  if (auto problem = trust(context, request.ca_file)) co_return problem;
  net::SslPtr session(SSL_new(context.native_handle()));
  net::expect_name(session.get(), url.host);
  const error_code refused = co_await connection.start_tls(std::move(session));
  if (refused) co_return connection.describe("TLS", refused);
  co_return std::nullopt;
}

}  // namespace

std::optional<HttpUrl> parse_http_url(std::string_view text) {
  const auto parsed = boost::urls::parse_absolute_uri(
      boost::urls::string_view(text.data(), std::min(text.find('#'), text.size())));
  if (!parsed) return std::nullopt;
  HttpUrl url;
  url.tls = parsed->scheme_id() == boost::urls::scheme::https;
  if (!url.tls && parsed->scheme_id() != boost::urls::scheme::http) return std::nullopt;
  if (parsed->has_userinfo() || parsed->host().empty()) return std::nullopt;
  const std::string port(view(parsed->port()));
  if (port.size() > 5 || (!port.empty() && (std::stoul(port) == 0 || std::stoul(port) > 65535)))
    return std::nullopt;
  url.host = parsed->host_type() == boost::urls::host_type::ipv6
                 ? parsed->host_address()
                 : std::string(view(parsed->encoded_host()));
  url.port = !port.empty() ? port : url.tls ? "443" : "80";
  url.authority = std::string(view(parsed->encoded_host_and_port()));
  url.target = std::string(view(parsed->encoded_resource()));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

std::string_view HttpAnswer::field(std::string_view name) const {
  for (const auto& [known, value] : fields)
    if (beast::iequals(known, name)) return value;
  return {};
}

asio::awaitable<HttpOutcome> exchange_http(Connection& connection, const HttpRequest& request,
                                           const HttpUrl& url) {
  const std::string message = make_message(request, url);
  const error_code not_written = co_await connection.write(message);
  // An answer may come before the whole request was taken (413, 401), so look for one.
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.header_limit(request.max_head);
  parser.body_limit(boost::none);  // max_body is counted below: a long body must not lose the
                                   // status
  parser.skip(request.method == "HEAD");
  while (!parser.is_header_done()) {
    const error_code not_read = co_await parse_some(connection, buffer, parser);
    if (!not_read) continue;
    co_return failed_with(not_written ? connection.describe("write", not_written)
                                      : connection.describe("read", not_read));
  }
  HttpAnswer answer;
  answer.status = parser.get().result_int();
  for (const auto& field : parser.get())
    answer.fields.emplace_back(view(field.name_string()), view(field.value()));
  std::vector<char> piece(4096);
  while (!request.head_only && !parser.is_done() && !answer.truncated) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    error_code error = co_await parse_some(connection, buffer, parser);
    if (error == http::error::need_buffer) error = {};
    answer.body.append(piece.data(), piece.size() - parser.get().body().size);
    if (answer.body.size() > request.max_body) {
      answer.body.resize(request.max_body);
      answer.truncated = true;
    }
    // The body ended with the connection, which many servers close without close_notify.
    if (error == ssl::error::stream_truncated && !parser.content_length() && !parser.chunked())
      break;
    if (error) co_return failed_with(connection.describe("read", error));
  }
  co_return HttpOutcome{std::move(answer), {}};
}

asio::awaitable<HttpOutcome> ask_http(HttpRequest request) {
  const auto url = parse_http_url(request.url);
  // The URL itself may be the secret (Slack), so it is never repeated.
  if (!url) co_return failed_with("the URL is not of the form http(s)://HOST[:PORT]/PATH");
  Connection connection(co_await asio::this_coro::executor, request.timeout);
  std::vector<tcp::endpoint> addresses = request.addresses;
  if (addresses.empty()) {
    const auto looked_up = co_await look_up(*url, request.timeout);
    const error_code failed = looked_up->done ? looked_up->error : beast::error::timeout;
    if (failed) co_return failed_with(connection.describe("look-up", failed));
    addresses = looked_up->list;
  }
  auto problem = co_await connection.connect(std::move(addresses), request.send_proxy);
  if (!problem && url->tls) problem = co_await start_tls(connection, request, *url);
  if (problem) co_return failed_with(*std::move(problem));
  co_return co_await exchange_http(connection, request, *url);
}

}  // namespace cutwater::control
