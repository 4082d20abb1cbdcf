#include "proxy/net/connection_quota.hpp"

#include <string_view>

namespace cutwater::net {

std::size_t ConnectionQuota::Hash::operator()(const IpAddress& ip) const {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size()});
}

ConnectionQuota::Place ConnectionQuota::try_enter(const IpAddress& ip, bool exempt) {
  const std::lock_guard lock(mutex_);
  if (total_ != 0 && open_ >= total_) return {};
  std::uint32_t& same_ip = open_per_ip_[ip];
  if (per_ip_ != 0 && !exempt && same_ip >= per_ip_) return {};
  ++open_;
  ++same_ip;
  return Place(this, ip);
}

void ConnectionQuota::leave(const IpAddress& ip) {
  const std::lock_guard lock(mutex_);
  --open_;
  const auto found = open_per_ip_.find(ip);
  if (found != open_per_ip_.end() && --found->second == 0) open_per_ip_.erase(found);
}

}  // namespace cutwater::net
