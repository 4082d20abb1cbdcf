// Handles one side of an upgraded connection: when it counts as idle, and its half-close.
#pragma once

#include "proxy/net/transport.hpp"

namespace cutwater::http {

class Http1Tunnel {
 public:
  void open(Nanoseconds idle, TimePoint now) {
    idle_ = idle;
    last_write_ = now;
  }
  bool is_open() const { return idle_.count() > 0; }

  void on_write(TimePoint now, bool end) {
    last_write_ = now;
    ending_ = end && is_open();
  }
  // The last bytes have left, so the end of stream is passed on as FIN.
  void finish_write(net::Transport& socket) {
    if (std::exchange(ending_, false)) socket.shutdown_write();
  }
  TimePoint deadline(TimePoint now) const { return now + idle_; }
  // A read timed out, but the other direction was busy meanwhile.
  bool moved_since_wait(TimePoint now) const { return is_open() && now < last_write_ + idle_; }

 private:
  Nanoseconds idle_{0};
  TimePoint last_write_{};
  bool ending_ = false;
};

}  // namespace cutwater::http
