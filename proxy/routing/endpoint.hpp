// Represents one address of one version. All workers and control share it; it outlives every
// snapshot that names it. What changes is `healthy_`, which control writes, and what workers count.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "config/http2.hpp"
#include "proxy/routing/warm_up.hpp"

namespace cutwater::net {
class TlsClientContext;
}

namespace cutwater::upstream {

// Says how an endpoint is spoken to, beyond plain HTTP.
struct EndpointOptions {
  std::string host;                                  // the name to ask for and to verify; not the
                                                     // address
  std::shared_ptr<const net::TlsClientContext> tls;  // null if nothing is encrypted
  bool send_proxy = false;                           // a PROXY header comes first
  config::UpstreamProtocol protocol = config::UpstreamProtocol::Http1;
};

class Endpoint {
 public:
  // `id` is unique in the process and never reused: workers key their pools by it.
  Endpoint(std::uint32_t id, std::string url, std::string authority,
           const sockaddr_storage& address, socklen_t length, EndpointOptions options = {})
      : id_(id),
        url_(std::move(url)),
        authority_(std::move(authority)),
        address_(address),
        length_(length),
        options_(std::move(options)) {}

  std::uint32_t id() const { return id_; }
  const std::string& url() const { return url_; }
  const std::string& authority() const { return authority_; }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t address_length() const { return length_; }
  config::UpstreamProtocol protocol() const { return options_.protocol; }
  const EndpointOptions& options() const { return options_; }

  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  void set_healthy(bool healthy) {
    const bool was = healthy_.exchange(healthy, std::memory_order_relaxed);
    if (healthy && !was) warm_up_.restarted();
  }

  // Any worker counts its requests.
  WarmUp& warm_up() const { return warm_up_; }

  // Counts how often it has sent bytes unasked: connections made before the last time are not used
  // again, whichever worker holds them.
  std::uint32_t desyncs() const { return desyncs_.load(std::memory_order_relaxed); }
  void note_desync() { desyncs_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const std::uint32_t id_;
  const std::string url_;
  const std::string authority_;
  const sockaddr_storage address_;
  const socklen_t length_;
  const EndpointOptions options_;
  std::atomic<bool> healthy_{true};
  mutable WarmUp warm_up_;
  std::atomic<std::uint32_t> desyncs_{0};
};

}  // namespace cutwater::upstream
