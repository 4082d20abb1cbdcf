#include "control/admin/auth.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>

namespace cutwater::control::admin {

Sha256 sha256(std::string_view text) {
  Sha256 hash;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
  return hash;
}

std::optional<std::chrono::seconds> GuessLimiter::blocked(const std::string& peer,
                                                          TimePoint now) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || found->second.blocked_until <= now) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(found->second.blocked_until - now);
}

void GuessLimiter::failed(const std::string& peer, const Sha256& guess, TimePoint now) {
  if (!peers_.contains(peer)) make_room(now);
  Peer& state = peers_[peer];
  if (state.failures > 0 && state.last == guess) return;
  if (state.failures == 0 || now - state.window_start > kWindow) {
    state.failures = 0;
    state.window_start = now;
  }
  state.last = guess;
  if (++state.failures < kFailures) return;
  state.blocked_until = now + kBackOff;
  state.failures = 0;
}

void GuessLimiter::make_room(TimePoint now) {
  if (peers_.size() < kPeers) return;
  std::erase_if(peers_, [now](const auto& entry) {
    return entry.second.blocked_until <= now && now - entry.second.window_start > kWindow;
  });
  if (peers_.size() < kPeers) return;
  const auto by_start = [](const auto& a, const auto& b) {
    return a.second.window_start < b.second.window_start;
  };
  peers_.erase(std::min_element(peers_.begin(), peers_.end(), by_start));
}

Authenticator::Authenticator(const std::vector<config::Token>& tokens) {
  adopt(tokens);
}

void Authenticator::adopt(const std::vector<config::Token>& tokens) {
  tokens_.clear();
  for (const config::Token& token : tokens) {
    tokens_.push_back({sha256(token.secret.value), Actor{token.name, token.role}});
  }
}

std::optional<Actor> Authenticator::holder_of(const Sha256& presented) const {
  // Every hash is compared, to the end, so that the time tells nothing about which one was close.
  const Hashed* match = nullptr;
  for (const Hashed& token : tokens_) {
    if (CRYPTO_memcmp(token.hash.data(), presented.data(), presented.size()) == 0) match = &token;
  }
  if (match == nullptr) return std::nullopt;
  return match->actor;
}

Admitted Authenticator::admit(const std::vector<std::string_view>& headers, const std::string& peer,
                              TimePoint now) {
  Admitted out;
  const auto refuse = [&out](int status, std::string detail) {
    out.status = status;
    out.detail = std::move(detail);
    return std::move(out);
  };
  if (headers.size() > 1) {
    return refuse(400,
                  "Send one Authorization header, not " + std::to_string(headers.size()) + ".");
  }
  if (open()) {
    out.actor = Actor{};
    return out;
  }
  if (headers.empty()) {
    return refuse(
        401,
        "Send a token: 'Authorization: Bearer <token>' (the cutwater command reads it from "
        "CUTWATER_TOKEN or --token-file).");
  }
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view header = headers.front();
  if (header.size() <= kScheme.size() ||
      !boost::beast::iequals(header.substr(0, kScheme.size()), kScheme)) {
    return refuse(401, "Only the Bearer scheme is understood: 'Authorization: Bearer <token>'.");
  }
  out.token = sha256(header.substr(kScheme.size()));
  out.actor = holder_of(out.token);
  if (out.actor) return out;  // whatever others at this address have guessed
  if (const auto wait = limiter_.blocked(peer, now)) {
    out.retry_after = *wait;
    return refuse(429,
                  "This token is not known, and too many wrong ones came from this address. "
                  "Wait " +
                      std::to_string(wait->count()) + " s, then try again.");
  }
  limiter_.failed(peer, out.token, now);
  return refuse(401, "This token is not known to this proxy.");
}

std::string host_without_port(std::string_view host) {
  std::size_t end = host.size();
  if (!host.empty() && host.front() == '[') {
    const std::size_t bracket = host.find(']');
    if (bracket != std::string_view::npos) end = bracket + 1;
  } else if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
    end = colon;
  }
  const std::string_view port = host.substr(end);
  // Text after the host that is not a port is kept, so that it matches nothing.
  const bool is_port =
      port.empty() || (port.size() > 1 && port.size() <= 6 && port.front() == ':' &&
                       port.find_first_not_of("0123456789", 1) == std::string_view::npos);
  std::string name(is_port ? host.substr(0, end) : host);
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return name;
}

HostPolicy::HostPolicy(const config::Admin& admin) : names_{"localhost", "127.0.0.1", "[::1]"} {
  add_address(admin.listen.host);
  if (admin.probes) add_address(admin.probes->host);
  for (const std::string& host : admin.allowed_hosts) names_.push_back(host_without_port(host));
}

void HostPolicy::add_address(const std::string& listen) {
  if (listen == "0.0.0.0" || listen == "::")
    any_address_ = true;
  else
    names_.push_back(config::url_host(listen));
}

bool HostPolicy::allows(std::string_view host) const {
  const std::string name = host_without_port(host);
  if (std::ranges::find(names_, name) != names_.end()) return true;
  if (!any_address_ || name.empty()) return false;
  // A rebinding attack needs a DNS name; a literal address cannot be rebound.
  const bool bracketed = name.front() == '[';
  boost::system::error_code error;
  boost::asio::ip::make_address(bracketed ? name.substr(1, name.size() - 2) : name, error);
  return !error;
}

bool is_cross_site(std::string_view origin, std::string_view fetch_site, std::string_view host) {
  if (!fetch_site.empty() && fetch_site != "same-origin" && fetch_site != "none") return true;
  if (origin.empty()) return false;
  const std::size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return true;  // "null" and the like
  return !boost::beast::iequals(origin.substr(scheme_end + 3), host);
}

}  // namespace cutwater::control::admin
