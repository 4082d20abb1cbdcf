// Fills in what an upstream is told about the client and the service; the exchange adds what it
// knows about the request.
#pragma once

#include "proxy/http/header_rules.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::exchange {

inline http::ForwardInfo forward_info_of(const http::ClientInfo& client,
                                         const routing::ServiceSnapshot& service) {
  http::ForwardInfo info{
      .peer_ip = client.peer_ip, .scheme = client.scheme, .trusted_peer = client.trusted_peer};
  info.via = client.via;
  if (client.tls) {
    info.cert_subject = client.tls->client_subject;
    info.cert_fingerprint = client.tls->client_fingerprint;
  }
  info.decider = &service;
  info.decides_by = &routing::ServiceSnapshot::decides;
  if (service.sticky.key == config::Sticky::Key::OwnCookie) info.drop_cookie = service.sticky.name;
  return info;
}

}  // namespace cutwater::exchange
