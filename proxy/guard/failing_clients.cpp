#include "proxy/guard/failing_clients.hpp"

#include <algorithm>

namespace cutwater::guard {

FailingClients::FailingClients(std::uint32_t enough, Nanoseconds window)
    : sets_(kSets), enough_(enough), window_(window) {
  counted_.reserve(enough);
}

bool FailingClients::first_failure(std::uint64_t client, TimePoint now) {
  count(client);
  if (client == 0) return true;
  auto& set = sets_[client % kSets];
  Entry* slot = &set[0];
  for (Entry& entry : set) {
    if (entry.client == client) {
      if (now - entry.since < window_) return false;
      entry.since = now;
      return true;
    }
    if (slot->client != 0 && (entry.client == 0 || entry.since < slot->since)) slot = &entry;
  }
  *slot = {client, now};
  return true;
}

void FailingClients::forget() {
  for (auto& set : sets_) set = {};
}

void FailingClients::count(std::uint64_t client) {
  if (distinct_ >= enough_) return;
  if (client != 0) {
    if (std::find(counted_.begin(), counted_.end(), client) != counted_.end()) return;
    counted_.push_back(client);
  }
  ++distinct_;
}

}  // namespace cutwater::guard
