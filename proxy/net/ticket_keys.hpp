// Holds the keys that seal session tickets (RFC 5077 4): one set for all workers and listeners, so
// that a client may resume wherever its next connection arrives. A key seals for one period and
// opens for two more. Then it is destroyed, and nobody can use it to open recorded sessions (RFC
// 8446 C.4). It is thread-safe: a handshake takes the mutex, a request never does. Time is an
// argument.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>

#include "proxy/base/clock.hpp"

namespace cutwater::net {

struct TicketKey {
  std::array<std::uint8_t, 16> name;
  std::array<std::uint8_t, 32> cipher;
  std::array<std::uint8_t, 32> mac;
};

class TicketKeys {
 public:
  static constexpr Nanoseconds kPeriod = std::chrono::hours(4);
  static constexpr std::size_t kKept = 3;  // the one that seals, and older ones

  // Returns the key that seals now; it is made when the last one's period is over.
  TicketKey sealing(TimePoint now);
  // Holds the key of a ticket, and whether the client should get a new ticket.
  struct Opening {
    TicketKey key;
    bool renew;
  };
  std::optional<Opening> opening(std::span<const std::uint8_t, 16> name, TimePoint now);

 private:
  struct Kept {
    TicketKey key;
    TimePoint made;
  };
  void rotate(TimePoint now);  // the caller holds mutex_

  std::mutex mutex_;
  std::deque<Kept> keys_;  // newest first
};

}  // namespace cutwater::net
