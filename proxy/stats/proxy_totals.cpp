#include "proxy/stats/proxy_totals.hpp"

namespace cutwater::stats {

ProxyTotals& ProxyTotals::operator+=(const ProxyTotals& other) {
  requests += other.requests;
  downstream_accepted += other.downstream_accepted;
  downstream_open += other.downstream_open;
  accepted_http2 += other.accepted_http2;
  opened_http2 += other.opened_http2;
  downstream_http2 += other.downstream_http2;
  upstream_http2 += other.upstream_http2;
  refused_streams += other.refused_streams;
  upstream_opened += other.upstream_opened;
  upstream_open += other.upstream_open;
  upstream_idle += other.upstream_idle;
  exchanges_active += other.exchanges_active;
  retries += other.retries;
  retries_denied += other.retries_denied;
  fallbacks += other.fallbacks;
  client_aborts += other.client_aborts;
  unknown_clients += other.unknown_clients;
  connections_refused += other.connections_refused;
  accept_errors += other.accept_errors;
  log_lines_dropped += other.log_lines_dropped;
  tls_full += other.tls_full;
  tls_resumed += other.tls_resumed;
  for (const auto& [reason, count] : other.tls_failures) tls_failures[reason] += count;
  for (const auto& [reason, count] : other.proxy_errors) proxy_errors[reason] += count;
  for (const auto& [reason, count] : other.bad_requests) bad_requests[reason] += count;
  for (const auto& [status, count] : other.local_replies) local_replies[status] += count;
  for (const auto& [claim, count] : other.claims_taken) claims_taken[claim] += count;
  for (const auto& [abuse, count] : other.http2_abuses) http2_abuses[abuse] += count;
  for (const auto& [reason, count] : other.endless_ended) endless_ended[reason] += count;
  return *this;
}

}  // namespace cutwater::stats
