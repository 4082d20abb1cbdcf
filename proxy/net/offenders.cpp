#include "proxy/net/offenders.hpp"

#include <algorithm>

namespace cutwater::net {
namespace {

IpAddress network_of(IpAddress ip) {
  if (ip.v6) std::fill(ip.bytes.begin() + 8, ip.bytes.end(), std::uint8_t{0});
  return ip;
}

}  // namespace

std::size_t Offenders::set_of(const IpAddress& network) {
  const std::string_view bytes(reinterpret_cast<const char*>(network.bytes.data()),
                               network.bytes.size());
  return std::hash<std::string_view>()(bytes) % kSets;
}

void Offenders::note(const IpAddress& ip, TimePoint now) {
  const IpAddress network = network_of(ip);
  const std::lock_guard lock(mutex_);
  Set& set = (*sets_)[set_of(network)];
  const auto same = [&](const Place& place) { return place.offences > 0 && place.ip == network; };
  const auto older = [](const Place& a, const Place& b) { return a.last < b.last; };
  auto place = std::find_if(set.begin(), set.end(), same);
  if (place == set.end()) {
    place = std::min_element(set.begin(), set.end(), older);
    *place = {network};
  }
  if (now >= place->last + kForgivenAfter) place->offences = 0;
  place->offences = std::min(place->offences + 1, kMost);
  place->last = now;
  noted_.fetch_add(1, std::memory_order_release);
}

Offenders::Record Offenders::find(const IpAddress& ip, TimePoint now) const {
  const IpAddress network = network_of(ip);
  const std::lock_guard lock(mutex_);
  for (const Place& place : (*sets_)[set_of(network)])
    if (place.offences > 0 && place.ip == network && now < place.last + kForgivenAfter)
      return {place.offences, place.last + kForgivenAfter};
  return {};
}

}  // namespace cutwater::net
