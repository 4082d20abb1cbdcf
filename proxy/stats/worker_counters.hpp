// Counts what one worker did, beside what it measured per version. The worker is the single writer;
// control reads when it sums the workers (proxy_totals.hpp).
#pragma once

#include <array>

#include "config/client_claims.hpp"
#include "proxy/stats/proxy_totals.hpp"
#include "proxy/stats/version_cell.hpp"

namespace cutwater::stats {

struct WorkerCounters {
  static constexpr std::size_t kReasons = 32;
  static constexpr std::size_t kStatuses = 600;
  static constexpr std::size_t kGreetingReasons = 16;
  static constexpr std::size_t kAbuses = 16;
  static constexpr std::size_t kEndings = 3;

  Counter requests;
  Counter accepted;
  Counter refused;
  Counter accept_errors;
  Counter tls_full;                                    // handshakes
  Counter tls_resumed;                                 // likewise, without a certificate
  std::array<Counter, kGreetingReasons> tls_failures;  // by net::TlsFailure
  std::array<Counter, kGreetingReasons> proxy_errors;  // by net::ProxyError
  Counter upstream_opened;
  Gauge downstream_open;
  Gauge downstream_http2;  // the HTTP/2 ones among them
  Gauge upstream_open;     // idle and busy
  Gauge upstream_idle;
  Gauge upstream_http2;  // the HTTP/2 ones among the open
  Counter accepted_http2;
  Counter opened_http2;
  Gauge exchanges_active;
  std::array<Counter, kEndings> endless_ended;  // by exchange::EndedFor
  Counter retries;
  Counter retries_denied;
  Counter fallbacks;
  Counter client_aborts;
  Counter unknown_clients;  // a trusted proxy's chain did not name them
  Counter log_lines_dropped;
  std::array<Counter, config::kClientClaims> claims_taken;  // by config::ClientClaim, of strangers
  Counter refused_streams;                                  // over max_streams
  std::array<Counter, kAbuses> http2_abuses;     // by http::Http2Abuse: connections closed
  std::array<Counter, kReasons> bad_requests;    // by http::BadHead
  std::array<Counter, kStatuses> local_replies;  // by status
};

}  // namespace cutwater::stats
