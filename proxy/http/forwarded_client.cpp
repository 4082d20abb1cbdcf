#include "proxy/http/forwarded_client.hpp"

#include <algorithm>

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// Digits, or a name that hides them (RFC 7239 6).
bool is_port(std::string_view text) {
  if (text.starts_with('_')) return chars::is_token(text.substr(1));
  unsigned port = 0;
  for (const char c : text) {
    if (!chars::is(c, chars::kDigit)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
    if (port > 65535) return false;
  }
  return !text.empty();
}

std::string_view scheme_of(std::string_view text) {
  if (iequals(text, "https") || iequals(text, "wss")) return "https";
  return iequals(text, "http") || iequals(text, "ws") ? "http" : "";
}

// Takes the entries of a chain from left to right, and knows at its end where a walk from the right
// would have stopped: at the last entry that is no trusted proxy, else at the leftmost.
class Chain {
 public:
  explicit Chain(std::span<const net::Network> proxies) : proxies_(proxies) {}

  void add(const std::optional<net::IpAddress>& address, std::string_view scheme = {}) {
    const bool first = !std::exchange(any_, true);
    if (!first && address && is_trusted(*address)) return;
    stop_ = address;
    scheme_ = scheme;
  }
  ForwardedClient client() const {
    using Says = ForwardedClient::Says;
    if (!any_) return {};
    return {stop_ ? Says::Client : Says::NoClient, stop_.value_or(net::IpAddress()), scheme_};
  }

 private:
  bool is_trusted(const net::IpAddress& address) const {
    return std::any_of(proxies_.begin(), proxies_.end(),
                       [&](const net::Network& network) { return network.contains(address); });
  }

  std::span<const net::Network> proxies_;
  bool any_ = false;
  std::optional<net::IpAddress> stop_;
  std::string_view scheme_;
};

// One value of Forwarded: elements of pairs, "for=192.0.2.1;proto=https, for="[2001:db8::1]:80"".
class ForwardedReader {
 public:
  ForwardedReader(std::string_view value, Chain& chain) : left_(value), chain_(chain) {}

  // What cannot be read hides who stands there: nobody is known from then on.
  void read() {
    while (!left_.empty())
      if (!read_element()) return chain_.add(std::nullopt);
  }

 private:
  bool read_element() {
    std::optional<std::string_view> node;
    std::string_view scheme;
    bool any = false;
    for (bool more = true; more;) {
      std::string_view name;
      std::string_view value;
      if (!read_pair(name, value)) return false;
      any = any || !name.empty();
      if (iequals(name, "for")) {
        if (node) return false;
        node = value;
      } else if (iequals(name, "proto")) {
        scheme = scheme_of(value);
      }
      more = left_.starts_with(';');
      if (!left_.empty()) left_.remove_prefix(1);  // ';' or ','
    }
    if (any) chain_.add(node ? parse_node(*node) : std::nullopt, scheme);
    return true;
  }

  // Up to the next ';' or ','. A pair may be empty.
  bool read_pair(std::string_view& name, std::string_view& value) {
    skip_blanks();
    if (at_end_of_pair()) return true;
    const std::size_t equals = left_.find_first_of("=;,");
    if (equals == kNone || left_[equals] != '=') return false;
    name = left_.substr(0, equals);
    left_.remove_prefix(equals + 1);
    if (!chars::is_token(name) || !read_value(value)) return false;
    skip_blanks();
    return at_end_of_pair();
  }

  // An address needs quotes only by the letter of the RFC: many leave them out.
  bool read_value(std::string_view& value) {
    const bool quoted = left_.starts_with('"');
    if (quoted) left_.remove_prefix(1);
    std::size_t end = 0;
    while (end < left_.size() && (quoted ? left_[end] != '"' : !is_delimiter(left_[end])))
      end += left_[end] == '\\' && quoted ? 2 : 1;
    if (end > left_.size() || (quoted && end == left_.size())) return false;
    value = left_.substr(0, end);
    left_.remove_prefix(quoted ? end + 1 : end);
    return quoted || !value.empty();
  }

  static bool is_delimiter(char c) {
    return c == ';' || c == ',' || chars::is_blank(c) || c == '"';
  }
  bool at_end_of_pair() const {
    return left_.empty() || left_.front() == ';' || left_.front() == ',';
  }
  void skip_blanks() {
    while (!left_.empty() && chars::is_blank(left_.front())) left_.remove_prefix(1);
  }

  std::string_view left_;
  Chain& chain_;
};

void read_addresses(std::string_view list, Chain& chain) {
  while (!list.empty()) {
    const std::string_view entry = chars::take_element(list);
    if (!entry.empty()) chain.add(parse_node(entry));
  }
}

}  // namespace

std::optional<net::IpAddress> parse_node(std::string_view text) {
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  std::size_t end = text.size();
  if (bracketed) {
    end = text.find(']');
    if (end == kNone) return std::nullopt;
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
  } else if (const std::size_t colon = text.find(':');
             colon != kNone && text.find(':', colon + 1) == kNone) {
    port = text.substr(colon);
    text = text.substr(0, colon);
  }
  if (!port.empty() && (port.front() != ':' || !is_port(port.substr(1)))) return std::nullopt;
  const auto address = net::parse_ip(text);
  if (!address || (bracketed && !address->v6)) return std::nullopt;
  return net::unmapped(*address);
}

ForwardedClient forwarded_client(const FieldList& fields, std::span<const net::Network> proxies) {
  Chain chain(proxies);
  std::string_view scheme;
  bool listed = false;
  for (const Field& field : fields) {
    if (field.id == FieldId::XForwardedFor) {
      listed = true;
      read_addresses(field.value, chain);
    } else if (field.id == FieldId::XForwardedProto && scheme.empty()) {
      std::string_view list = field.value;  // of several the first is the client's own
      scheme = scheme_of(chars::take_element(list));
    }
  }
  if (!listed)
    for (const Field& field : fields)
      if (field.id == FieldId::Forwarded) ForwardedReader(field.value, chain).read();
  ForwardedClient client = chain.client();
  if (!scheme.empty()) client.scheme = scheme;
  return client;
}

}  // namespace cutwater::http
