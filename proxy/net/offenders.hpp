// Remembers addresses whose connections were cut off for flooding, and what that counts against
// their next connections. The table has a fixed size, so that no number of addresses makes it grow;
// under pressure the oldest offence is forgotten first. For IPv6 the network (/64) counts, because
// one customer has all of it. It is thread-safe and shared by the workers. Nobody waits for its
// lock while nobody offends.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "proxy/base/clock.hpp"
#include "proxy/net/ip_address.hpp"

namespace cutwater::net {

class Offenders {
 public:
  static constexpr unsigned kMost = 10;         // further offences count no more
  static constexpr Seconds kForgivenAfter{60};  // if no other offence follows

  struct Record {
    unsigned offences = 0;
    TimePoint forgiven = TimePoint::max();  // when the offence is over; max if the address is
                                            // unknown
  };

  Offenders() : sets_(std::make_unique<Sets>()) {}

  void note(const IpAddress& ip, TimePoint now);
  Record find(const IpAddress& ip, TimePoint now) const;
  // While the number stands still, nobody has offended. 0 means that nobody ever did.
  std::uint32_t noted() const { return noted_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kSets = 1024;
  static constexpr std::size_t kPlaces = 4;  // per set
  struct Place {
    IpAddress ip;
    unsigned offences = 0;
    TimePoint last{};
  };
  using Set = std::array<Place, kPlaces>;
  using Sets = std::array<Set, kSets>;
  static std::size_t set_of(const IpAddress& network);

  std::atomic<std::uint32_t> noted_{0};
  mutable std::mutex mutex_;
  std::unique_ptr<Sets> sets_;  // guarded by mutex_
};

}  // namespace cutwater::net
