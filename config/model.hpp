// Holds what the operator wrote, after parsing and validation: plain values, no pointers, no
// sockets. Every member's initialiser is the documented default. config/parse.hpp produces it;
// afterwards it is immutable and freely copied between threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/flag.hpp"
#include "config/grpc.hpp"
#include "config/guards.hpp"
#include "config/http2.hpp"
#include "config/mirror.hpp"
#include "config/policy.hpp"
#include "config/rollout.hpp"
#include "config/share.hpp"
#include "config/tls.hpp"

namespace cutwater::config {

using Duration = std::chrono::milliseconds;
using namespace std::chrono_literals;

// Holds a resolved secret. It is never printed: for messages the model keeps where the secret came
// from.
struct Secret {
  std::string value;
  std::string origin;  // "${env:NAME}" or "${file:PATH}", safe to show
};

struct Address {
  std::string host;  // IP literal or, for endpoints, a DNS name
  std::uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
};
// Returns the host as URLs and Host fields write it: an IPv6 address is put in brackets.
std::string url_host(const std::string& host);
// Writes "127.0.0.1:9001", "[::1]:80".
std::string to_string(const Address& address);

struct Cidr {
  std::string text;  // "10.0.0.0/8", "::1/128"; validated
};

struct Listener {
  std::string name = "http";
  Address listen;
  std::vector<Cidr> trusted_proxies;  // peers whose X-Forwarded-*, Forwarded, X-Request-ID are kept
  ProxyProtocol proxy_protocol = ProxyProtocol::Off;
  std::optional<ListenerTls> tls;
  bool http2 = true;  // beside HTTP/1.1: by HTTP/2's preface, or by ALPN
  std::string via;    // signs Via towards upstreams; if empty, Via is not signed
  // Fields about the client that are believed of anybody (client_claims.hpp).
  std::vector<std::string> keep_headers;
};

struct Endpoint {
  std::string url;  // "http://127.0.0.1:9001", as shown everywhere
  Address address;
  bool tls = false;  // true for https
};

struct Version {
  std::string name;
  std::vector<Endpoint> endpoints;
  UpstreamTls tls = {};  // for its https endpoints
  SendProxy send_proxy = SendProxy::Off;
  UpstreamProtocol protocol = UpstreamProtocol::Http1;
};

// Names the subject of a split decision: the requests of one subject must stay on one version.
struct Sticky {
  enum class Key { OwnCookie, Header, Cookie, ClientIp, None };
  Key key = Key::OwnCookie;
  std::string name;  // cookie or header name; default "cw_<service>"
  std::chrono::seconds ttl = std::chrono::hours(24 * 30);  // of the own cookie
  // This holds for the own cookie, too: RFC 6265bis 4.1.2, and CHIPS for `partitioned`.
  enum class SameSite { Lax, None, Strict };
  SameSite same_site = SameSite::Lax;
  std::string domain;  // empty: only the host that was asked
  std::string path = "/";
  bool partitioned = false;
  bool always_secure = false;  // else Secure is said to clients that came by https
  bool cacheable = false;      // also set on answers that a shared cache may keep for all
  Secret secret;               // empty: the key is the one of the state directory
};

// Lengths that a cookie may have at most, so that every Set-Cookie can be said whole. The name is a
// token (names.hpp), which has a limit of its own.
inline constexpr std::size_t kMostCookieName = 256;
inline constexpr std::size_t kMostCookiePath = 255;

struct Health {
  bool enabled = false;  // true when the section is present
  std::string path = "/health";
  Duration interval = 30s;
  Duration timeout = 10s;
  int unhealthy_after = 3;
  Duration start_period = 40s;
  // Uses the gRPC health checking protocol instead of GET `path`; "" asks for the server as a
  // whole.
  bool grpc = false;
  std::string grpc_service;
  // Host of the request. Default: that of the first route to the service that names one; empty: the
  // endpoint's own.
  std::string host;
  std::vector<std::pair<std::string, std::string>> headers;
  int status_from = 200;  // what counts as healthy, both ends included
  int status_to = 299;
  std::uint16_t port = 0;  // of the endpoint's host; 0: the endpoint's own
};

struct Timeouts {
  Duration connect = 1s;
  Duration response_head = 15s;
  Duration request = 60s;       // head of request to head of response, all attempts together
  Duration stream_idle = 5min;  // no byte in either direction
  Duration tunnel_idle = 1h;
  Duration upstream_idle = 50s;  // a pooled connection is closed after this
  Duration revert_grace = 30s;   // tunnels and endless streams of a reverted version end within
};

struct Limits {
  static constexpr std::size_t kMostFields = 256;                     // of any head
  static constexpr std::size_t kMostResponseHeaderBytes = 60 * 1024;  // fits a block of the worker

  std::size_t header_bytes = 16 * 1024;  // whole head; more is answered with 431
  std::size_t header_fields = 100;       // more are answered with 431
  std::size_t response_header_bytes = kMostResponseHeaderBytes;  // of upstreams; more is a 502
  std::size_t response_fields = kMostFields;                     // likewise
  std::size_t target_bytes = 8 * 1024;                           // more is answered with 414
  Duration header_timeout = 10s;     // absolute, from the first byte; then 408 is answered
  Duration handshake_timeout = 10s;  // TLS and the PROXY header together, from accept
  Duration keepalive_idle = 75s;
  std::uint32_t keepalive_requests = 0;  // 0 = no limit
  std::uint32_t body_min_rate = 240;     // bytes per second, after the grace
  Duration body_min_rate_grace = 10s;    // not in the file: tests make it short
  Duration client_write_stall = 30s;
  std::uint32_t connections = 0;  // 0 = half of RLIMIT_NOFILE
  std::uint32_t connections_per_ip = 1024;
  Http2Limits http2;
};

enum class Fallback { None, Stable };

// When a connection to an upstream may carry another client's request. What a broken server says
// too much comes a moment later, and would answer that one.
enum class Reuse {
  Auto,    // Safe for a version under rollout, Always for the others
  Safe,    // when nothing has come for 10 ms behind its last answer
  Always,  // at once
};

struct Service {
  static constexpr std::size_t kMostVersions = 64;

  std::string name;
  std::vector<Version> versions;         // in the order written
  std::string stable;                    // default: the first version
  std::map<std::string, Share> weights;  // used at the first start only; default: stable 100 %
  Sticky sticky;
  std::vector<Flag> flags;  // the first that matches wins
  std::optional<Mirror> mirror;
  Guards guards;
  Memory memory;
  Health health;
  Fallback fallback = Fallback::None;
  Timeouts timeouts;
  Reuse reuse = Reuse::Auto;
  RolloutDefaults rollout;
  DeployerPolicy policy;  // as written; policy_of() says what holds
  Grpc grpc;
  // Names the response header that tells which version answered; empty = none.
  std::string version_header = "Cutwater-Version";

  // Returns nullptr if there is no such version.
  const Version* find_version(const std::string& version) const;
  const Flag* find_flag(const std::string& flag) const;
  // Returns the URLs of its endpoints; none if there is no such version.
  std::set<std::string> urls_of(const std::string& version) const;
};

struct Route {
  std::string host = "*";  // exact, "*.example.com", or "*"
  std::string path = "/";  // prefix, matched on whole segments
  std::string service;
  std::optional<GuardLimits> guards = {};  // the route has a guard of its own, by these limits
};

enum class Role { Viewer, Deployer, Approver, Admin };
std::string_view to_string(Role role);

struct Token {
  std::string name;
  Role role = Role::Viewer;
  Secret secret;
};

// A shorter token can be guessed: an error where others than this machine reach the admin API, and
// a line in the log elsewhere.
inline constexpr std::size_t kShortestToken = 16;
bool is_short(const Token& token);

struct Admin {
  Address listen{"127.0.0.1", 9901};
  std::string unix_path;  // set instead of `listen` for unix:/path
  std::vector<Token> tokens;
  std::vector<std::string> allowed_hosts;  // besides loopback names and the listen address
  std::optional<ListenerTls> tls;          // of `listen`, not of `probes`
  std::optional<Address> probes;           // answers /livez, /readyz and /metrics, nothing else
};

struct AccessLog {
  enum class To { Off, Stdout, File };
  To to = To::Off;
  std::string path;
};

struct Config {
  int version = 1;
  std::string state_dir = "/var/lib/cutwater";
  unsigned workers = 0;  // 0 = auto: one per usable core
  Admin admin;
  std::string via;  // of every listener that says nothing else
  std::vector<Listener> listeners;
  std::vector<Route> routes;
  std::vector<Service> services;
  DeployerPolicy policy;  // of every service that does not say otherwise
  Limits limits;
  AccessLog access_log;
  Duration drain_timeout = 30s;  // SIGTERM: in-flight requests may take this long
  // Readiness fails this long before the listeners close, so that the load balancer sends no more
  // connections.
  Duration drain_notice = 5s;

  // nullptr if there is no such service
  const Service* find_service(const std::string& service) const;
};

}  // namespace cutwater::config
