// Decides who may ask: it holds bearer tokens, the limit on clients that guess, and the Host
// allow-list that defeats DNS rebinding. The admin server owns it; only the control thread uses it;
// it holds hashes, never secrets. It is pure apart from SHA-256: time is an argument.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "control/base/hex.hpp"
#include "control/base/reply.hpp"
#include "proxy/base/clock.hpp"

namespace cutwater::control::admin {

using Sha256 = std::array<unsigned char, 32>;
Sha256 sha256(std::string_view text);

// Counts wrong guesses per peer, so that guessing is slow. It is never asked about a right token:
// behind one address (a NAT, a bastion, a unix socket) are those that guess and the person who
// needs a rollback. The same wrong token again does not count as a new guess: a script with a stale
// token should go on hearing that the token is wrong.
class GuessLimiter {
 public:
  static constexpr std::uint32_t kFailures = 10;
  static constexpr std::chrono::seconds kWindow{10};
  static constexpr std::chrono::seconds kBackOff{10};
  static constexpr std::size_t kPeers = 4096;  // beyond this the oldest window is forgotten

  // Returns the seconds to wait, or nullopt when the peer may try.
  std::optional<std::chrono::seconds> blocked(const std::string& peer, TimePoint now) const;
  void failed(const std::string& peer, const Sha256& guess, TimePoint now);
  std::size_t size() const { return peers_.size(); }

 private:
  struct Peer {
    TimePoint window_start;
    TimePoint blocked_until;
    std::uint32_t failures = 0;
    Sha256 last{};
  };
  void make_room(TimePoint now);
  std::map<std::string, Peer> peers_;
};

struct Admitted {
  std::optional<Actor> actor;  // if set, the request is admitted
  Sha256 token{};              // the hash of what was shown
  // Otherwise this is the answer: 400 several headers, 401, 429.
  int status = 401;
  std::string detail;
  std::chrono::seconds retry_after{0};
};

class Authenticator {
 public:
  explicit Authenticator(const std::vector<config::Token>& tokens);

  bool open() const { return tokens_.empty(); }  // then everyone is Admin
  // Takes over the tokens of a new configuration. Guesses are not forgotten.
  void adopt(const std::vector<config::Token>& tokens);
  // Returns who shows this token now; nobody when it is unknown or was taken back.
  std::optional<Actor> holder_of(const Sha256& token) const;
  // `headers` holds every Authorization value of the request.
  Admitted admit(const std::vector<std::string_view>& headers, const std::string& peer,
                 TimePoint now);

 private:
  struct Hashed {
    Sha256 hash;
    Actor actor;
  };
  std::vector<Hashed> tokens_;
  GuessLimiter limiter_;
};

// Knows which Host values we answer to: loopback names, the listen address, and configured names;
// each with or without a port, case-insensitively.
class HostPolicy {
 public:
  explicit HostPolicy(const config::Admin& admin);
  bool allows(std::string_view host) const;

 private:
  void add_address(const std::string& listen);
  bool any_address_ = false;  // bound to 0.0.0.0 or ::: any IP literal may be ours
  std::vector<std::string> names_;
};

// Turns "example.com:80" into "example.com", and "[::1]:9901" into "[::1]", in lower case.
std::string host_without_port(std::string_view host);

// Returns true for a request that a browser sends on behalf of another site: Origin (RFC 6454)
// names another authority than Host, or Sec-Fetch-Site says so. Scripts send neither.
bool is_cross_site(std::string_view origin, std::string_view fetch_site, std::string_view host);

}  // namespace cutwater::control::admin
