// Keeps a listening socket in a worker's loop. Every worker has its own for each address
// (SO_REUSEPORT): the kernel spreads connections, and no worker waits for another.
#pragma once

#include <functional>
#include <string>

#include "config/model.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/net/ip_address.hpp"

namespace cutwater::net {

struct BoundSocket {
  int fd = -1;
  config::Address address;  // with the actual port
  std::string problem;      // says to a person why fd is -1
};
// Binds and listens. With `exclusive` it fails if any process listens on the address already
// (SO_REUSEPORT alone would let a second cutwater take half of the traffic).
BoundSocket bind_listener(const config::Address& address, bool exclusive);

class Listener final : public Descriptor {
 public:
  // `on_accept(fd, peer)` owns the fd. `on_error` is told when accept failed (out of descriptors).
  using OnAccept = std::function<void(int fd, const sockaddr_storage& peer)>;
  Listener(EventLoop& loop, int fd, OnAccept on_accept, std::function<void()> on_error);
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Takes what has already connected, then stops listening.
  void close();

  void on_events(std::uint32_t events) override;

 private:
  void accept_all();
  bool accept_some();
  static void on_retry(void* self) { static_cast<Listener*>(self)->accept_all(); }

  EventLoop& loop_;
  int fd_;
  OnAccept on_accept_;
  std::function<void()> on_error_;
  Timer retry_;
};

}  // namespace cutwater::net
