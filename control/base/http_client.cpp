#include "control/base/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <memory>

#include "proxy/net/proxy_protocol.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::uint32_t kMaxHeadBytes = 16 * 1024;
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

HttpOutcome failed_with(std::string error) {
  return {std::nullopt, std::move(error)};
}

HttpOutcome failed_at(const char* step, error_code error, const HttpRequest& request) {
  if (error == beast::error::timeout)
    return failed_with("no answer within " + std::to_string(request.timeout.count()) + " ms");
  return failed_with(std::string(step) + ": " + error.message());
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
  co_await addresses->found.async_wait(kToken);
  co_return addresses;
}

http::request<http::string_body> make_message(const HttpRequest& request, const HttpUrl& url) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(url.target);
  message.set(http::field::host, url.authority);
  message.set(http::field::user_agent, "cutwater/" CUTWATER_VERSION);
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : request.fields) message.set(name, value);
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

template <typename Stream>
asio::awaitable<HttpOutcome> exchange(Stream& stream, const HttpRequest& request,
                                      const HttpUrl& url) {
  const http::request<http::string_body> message = make_message(request, url);
  const auto [not_written, written] = co_await http::async_write(stream, message, kToken);
  // An answer may come before the whole request was taken (413, 401), so look for one.
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.header_limit(kMaxHeadBytes);
  parser.body_limit(boost::none);  // max_body is counted below: a long body must not lose the
                                   // status
  parser.skip(request.method == "HEAD");
  const auto [not_read, size] = co_await http::async_read_header(stream, buffer, parser, kToken);
  if (not_read) {
    co_return not_written ? failed_at("write", not_written, request)
                          : failed_at("read", not_read, request);
  }
  HttpAnswer answer;
  answer.status = parser.get().result_int();
  for (const auto& field : parser.get())
    answer.fields.emplace_back(view(field.name_string()), view(field.value()));
  std::vector<char> piece(4096);
  while (!parser.is_done() && !answer.truncated) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    auto [error, more] = co_await http::async_read_some(stream, buffer, parser, kToken);
    if (error == http::error::need_buffer) error = {};
    answer.body.append(piece.data(), piece.size() - parser.get().body().size);
    if (answer.body.size() > request.max_body) {
      answer.body.resize(request.max_body);
      answer.truncated = true;
    }
    // The body ended with the connection, which many servers close without close_notify.
    if (error == ssl::error::stream_truncated && !parser.content_length() && !parser.chunked())
      break;
    if (error) co_return failed_at("read", error, request);
  }
  co_return HttpOutcome{std::move(answer), {}};
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

asio::awaitable<HttpOutcome> exchange_over_tls(beast::tcp_stream stream, const HttpRequest& request,
                                               const HttpUrl& url) {
  // The context is made for each request, so that certificates renewed on disk count; there are few
  // requests.
  ssl::context context(ssl::context::tls_client);
  context.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  if (auto problem = trust(context, request.ca_file)) co_return failed_with(*std::move(problem));
  beast::ssl_stream<beast::tcp_stream> secure(std::move(stream), context);
  secure.set_verify_mode(ssl::verify_peer);
  secure.set_verify_callback(ssl::host_name_verification(url.host));
  error_code literal;
  asio::ip::make_address(url.host, literal);
  // By RFC 6066 3, an address is not a server name.
  if (literal) SSL_set_tlsext_host_name(secure.native_handle(), url.host.c_str());
  const auto [refused] = co_await secure.async_handshake(ssl::stream_base::client, kToken);
  if (refused) co_return failed_at("TLS", refused, request);
  co_return co_await exchange(secure, request, url);
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

asio::awaitable<HttpOutcome> ask_http(HttpRequest request) {
  const auto url = parse_http_url(request.url);
  // The URL itself may be the secret (Slack), so it is never repeated.
  if (!url) co_return failed_with("the URL is not of the form http(s)://HOST[:PORT]/PATH");
  const auto deadline = std::chrono::steady_clock::now() + request.timeout;
  std::vector<tcp::endpoint> addresses = request.addresses;
  if (addresses.empty()) {
    const auto looked_up = co_await look_up(*url, request.timeout);
    if (!looked_up->done) co_return failed_at("look-up", beast::error::timeout, request);
    if (looked_up->error) co_return failed_at("look-up", looked_up->error, request);
    addresses = looked_up->list;
  }
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_at(deadline);
  const auto [not_connected, where] = co_await stream.async_connect(addresses, kToken);
  if (not_connected) co_return failed_at("connect", not_connected, request);
  if (request.send_proxy) {
    const auto header = asio::buffer(net::kLocalProxyHeader.data(), net::kLocalProxyHeader.size());
    const auto [not_said, said] = co_await asio::async_write(stream, header, kToken);
    if (not_said) co_return failed_at("write", not_said, request);
  }
  if (url->tls) co_return co_await exchange_over_tls(std::move(stream), request, *url);
  co_return co_await exchange(stream, request, *url);
}

}  // namespace cutwater::control
