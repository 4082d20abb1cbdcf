// Counts what the proxy did beside the versions: connections, refusals, retries. These are values,
// summed over workers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

namespace cutwater::stats {

struct ProxyTotals {
  std::uint64_t requests = 0;  // heads accepted, local replies included
  std::uint64_t downstream_accepted = 0;
  std::uint64_t downstream_open = 0;  // gauge
  std::uint64_t accepted_http2 = 0;   // counts the HTTP/2 ones among the accepted, opened and open
  std::uint64_t opened_http2 = 0;
  std::uint64_t downstream_http2 = 0;  // gauge
  std::uint64_t upstream_http2 = 0;    // gauge
  std::uint64_t refused_streams = 0;   // of HTTP/2 clients, over max_streams
  std::uint64_t upstream_opened = 0;
  std::uint64_t upstream_open = 0;     // gauge, idle and busy
  std::uint64_t upstream_idle = 0;     // gauge
  std::uint64_t exchanges_active = 0;  // gauge
  std::uint64_t retries = 0;
  std::uint64_t retries_denied = 0;  // by the budget
  std::uint64_t fallbacks = 0;       // requests answered by stable after a failure elsewhere
  std::uint64_t client_aborts = 0;
  std::uint64_t unknown_clients = 0;      // requests whose chain of trusted proxies names no client
  std::uint64_t connections_refused = 0;  // quota, per-IP limit
  std::uint64_t accept_errors = 0;        // EMFILE and friends
  std::uint64_t log_lines_dropped = 0;
  std::uint64_t tls_full = 0;  // handshakes with clients
  std::uint64_t tls_resumed = 0;
  std::map<std::string, std::uint64_t> tls_failures;  // by reason label (net::TlsFailure)
  std::map<std::string, std::uint64_t> proxy_errors;  // likewise (net::ProxyError)
  std::map<std::string, std::uint64_t> bad_requests;  // by reason label (http::BadHead)
  std::map<int, std::uint64_t> local_replies;         // by status
  // Fields about the client that strangers sent and nobody got, by family (config::ClientClaim).
  std::map<std::string, std::uint64_t> claims_taken;
  std::map<std::string, std::uint64_t> http2_abuses;  // by http::Http2Abuse
  // Counts tunnels and streams that the proxy ended, by reason (exchange::EndedFor).
  std::map<std::string, std::uint64_t> endless_ended;

  ProxyTotals& operator+=(const ProxyTotals& other);
};

}  // namespace cutwater::stats
