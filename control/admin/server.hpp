// Serves the admin API over HTTP/1.1: a thin, strict layer over the resources. It lives on
// control's single-threaded io_context and must be stopped (and the io_context run until it is
// empty, or destroyed) before the resources are destroyed. It never touches the data plane and
// never blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/model.hpp"
#include "control/admin/idempotency.hpp"
#include "control/operations/resources.hpp"
#include "proxy/net/tls_server_context.hpp"

namespace cutwater::control {

using MetricsText = std::function<std::string()>;

// Holds the documented limits; they are members so that tests need not wait.
struct AdminLimits {
  // From accept to the end of the first head, TLS included.
  std::chrono::milliseconds first_head_deadline = std::chrono::seconds(5);
  std::chrono::milliseconds request_deadline = std::chrono::seconds(30);  // idle, head and body
  std::chrono::milliseconds write_deadline = std::chrono::seconds(30);
  std::chrono::milliseconds heartbeat = std::chrono::seconds(15);  // of /v1/events
  std::uint32_t head_bytes = 16 * 1024;                            // more is answered with 431
  std::uint64_t body_bytes = 64 * 1024;                            // more is answered with 413
  std::size_t strangers = 64;  // connections that have shown no token, at each door (places.hpp)
  std::size_t callers = 64;    // connections that have
  std::size_t followers = 48;  // long polls and event streams; the other places stay free
  std::size_t scrapes = 8;     // more are answered with 503
  std::size_t queued_events = 1024;  // a slower reader is cut off and resumes
};

namespace admin {
struct Shared;
}

class AdminServer {
 public:
  AdminServer(boost::asio::io_context& io, const config::Admin& config, const Resources& resources,
              Idempotency& idempotency, MetricsText metrics);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Call it before start().
  void set_limits(const AdminLimits& limits);
  // Returns "" once it listens, else a sentence: the port is in use, the address is not loopback
  // while there are no tokens, ...
  std::string start();
  // Returns the address with the actual port when 0 was configured; for a unix socket the host is
  // its path.
  config::Address address() const;
  // The same of `admin.probes`.
  std::optional<config::Address> probes_address() const;
  // Takes over tokens and host names of a new configuration. Long polls and event streams of
  // whoever has no right token any more end; the addresses stay as they are.
  void adopt(const config::Admin& config);
  // New connections to the API are encrypted by this; call it before start(), and again when
  // certificates are renewed.
  void use_tls(std::shared_ptr<const net::TlsServerContext> tls);
  // Calls `done` once no change is under way any more, so that the client that asked for the drain
  // gets an answer.
  void when_settled(std::function<void()> done);
  // Closes the listener and every connection; it is idempotent.
  void stop();

 private:
  std::shared_ptr<admin::Shared> shared_;  // also held by the sessions
};

}  // namespace cutwater::control
