// Limits how many downstream connections there may be, in all and per client address. It is touched
// when a connection comes and goes, never per request. It is thread-safe and shared by the workers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <mutex>

#include "proxy/net/ip_address.hpp"

namespace cutwater::net {

class ConnectionQuota {
 public:
  // A limit of 0 means no limit.
  ConnectionQuota(std::uint32_t total, std::uint32_t per_ip) : total_(total), per_ip_(per_ip) {}

  // Holds a place for one connection and frees it when destroyed. It must not outlive the quota.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : quota_(std::exchange(other.quota_, nullptr)), ip_(other.ip_) {}
    // Leaves the place held so far.
    Place& operator=(Place&& other) noexcept {
      std::swap(quota_, other.quota_);
      std::swap(ip_, other.ip_);
      other.leave();
      return *this;
    }
    ~Place() { leave(); }
    void leave() {
      if (quota_) std::exchange(quota_, nullptr)->leave(ip_);
    }
    explicit operator bool() const { return quota_ != nullptr; }

   private:
    friend class ConnectionQuota;
    Place(ConnectionQuota* quota, const IpAddress& ip) : quota_(quota), ip_(ip) {}
    ConnectionQuota* quota_ = nullptr;
    IpAddress ip_;
  };
  // Returns an empty place when the limit is reached. `exempt` is for a load balancer in front of
  // many clients, which is not bound by the limit per address.
  Place try_enter(const IpAddress& ip, bool exempt);

 private:
  struct Hash {
    std::size_t operator()(const IpAddress& ip) const;
  };
  void leave(const IpAddress& ip);

  const std::uint32_t total_;
  const std::uint32_t per_ip_;
  std::mutex mutex_;
  std::uint32_t open_ = 0;                                                 // guarded by mutex_
  boost::unordered_flat_map<IpAddress, std::uint32_t, Hash> open_per_ip_;  // guarded by mutex_
};

}  // namespace cutwater::net
