// Shows one request and its response to the exchange, whatever protocol carries them. The two sides
// mirror each other; the exchange does not learn which protocol it is.
//
// Writing: write_*() sends what the socket takes at once and says Done or Blocked; when Blocked,
// co_await flush() before the next write. The caller keeps the views valid until then. Reading:
// try_read_body() never waits (Blocked = nothing yet); read_body() does. End of stream is part of
// the last chunk. A view is valid until the next read on the same stream. The loop itself makes the
// backpressure: it reads no more before what was read has been written. Only the worker that owns
// the connection uses a stream.
#pragma once

#include "proxy/base/clock.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/task.hpp"
#include "proxy/http/header_rules.hpp"
#include "proxy/http/message.hpp"
#include "proxy/net/connection_addresses.hpp"
#include "proxy/net/send_queue.hpp"
#include "proxy/net/tls_session.hpp"

namespace cutwater::http {

using net::Flow;

// States facts about the connection a request came in by.
struct ClientInfo {
  std::string_view peer_ip;  // of the connection
  // The client behind trusted proxies; equals peer_ip without any. Empty when they do not say who
  // it is: then it matches no list and has no place in a split by address.
  std::string_view client_ip;
  bool trusted_peer = false;
  std::string_view scheme = "http";  // of the client, as far as trusted proxies tell
  std::string_view listener;
  std::string_view via;                  // how the listener signs Via; if empty, not at all
  const net::TlsSession* tls = nullptr;  // if set, the scheme is https
  const net::ConnectionAddresses* addresses = nullptr;

  // Returns the address that a log names and a limit counts.
  std::string_view known_ip() const { return client_ip.empty() ? peer_ip : client_ip; }
};

// Says whether the client's own leg was encrypted: what its browser calls https.
inline bool came_by_https(const ClientInfo& client) {
  return client.scheme == "https";
}

class DownstreamStream {
 public:
  virtual const RequestHead& head() const = 0;
  virtual const ClientInfo& client() const = 0;
  virtual std::string_view protocol() const = 0;  // "HTTP/1.1", for the log

  virtual Result<Flow> try_read_body(BodyChunk& chunk) = 0;
  virtual Task<Result<BodyChunk>> read_body() = 0;

  virtual Result<Flow> write_informational(const ResponseHead& head) = 0;
  // The stream itself decides framing and connection reuse; `extras` carries the rest.
  virtual Result<Flow> write_head(const ResponseHead& head, ResponseExtras extras,
                                  BodyChunk first) = 0;
  virtual Result<Flow> write_body(BodyChunk chunk) = 0;
  virtual Task<Result<void>> flush() = 0;
  // Sends a complete small response of the proxy itself, when no head was sent yet.
  virtual Task<Result<void>> reply_locally(int status, std::string_view text,
                                           std::string_view request_id) = 0;

  // After a 101 response head, read_body/write_body carry raw bytes, and end_stream is a
  // half-close. A read fails with Timeout when nothing has moved in either direction for `idle`.
  virtual void become_tunnel(Nanoseconds idle) = 0;
  // The response cannot be completed, so make the truncation visible to the client.
  virtual void reset() = 0;
  // Wakes a waiting reader or writer with Errc::Cancelled.
  virtual void cancel_read() = 0;
  virtual void cancel() = 0;
  // `callback` runs when the client's connection breaks while no coroutine reads from it.
  virtual void on_gone(void (*callback)(void*), void* context) = 0;
  // `callback` runs when the client has ended its direction of the connection while no coroutine
  // reads from it: it may wait for its answer, or have given up. A stream that cannot tell never
  // calls it.
  virtual void on_half_closed(void (*)(void*), void*) {}

  virtual bool request_complete() const = 0;         // the whole request body was read
  virtual std::uint64_t bytes_received() const = 0;  // body bytes
  virtual std::uint64_t bytes_sent() const = 0;      // head and body as sent

 protected:
  ~DownstreamStream() = default;
};

class UpstreamStream {
 public:
  virtual Result<Flow> write_head(const RequestHead& head, const ForwardInfo& info,
                                  BodyChunk first) = 0;
  virtual Result<Flow> write_body(BodyChunk chunk) = 0;
  virtual Task<Result<void>> flush() = 0;

  // Returns interim (1xx) heads too; 101 and everything from 200 up is final. The head's views live
  // until the stream is given back.
  virtual Task<Result<const ResponseHead*>> read_head(TimePoint deadline) = 0;
  virtual Result<Flow> try_read_body(BodyChunk& chunk) = 0;
  virtual Task<Result<BodyChunk>> read_body(TimePoint deadline) = 0;

  virtual void become_tunnel(Nanoseconds idle) = 0;  // as above; replaces read_body's deadline
  virtual void cancel() = 0;
  virtual void cancel_write() = 0;

  // Says that the connection had carried an exchange before: a failure without a response byte may
  // then only mean that it went stale in the pool.
  virtual bool reused() const = 0;
  virtual bool response_started() const = 0;  // at least one byte came back

 protected:
  ~UpstreamStream() = default;
};

}  // namespace cutwater::http
