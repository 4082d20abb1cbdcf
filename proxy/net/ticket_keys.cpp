#include "proxy/net/ticket_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <exception>

namespace cutwater::net {

namespace {

TicketKey make_key() {
  TicketKey key;
  const bool good = RAND_bytes(key.name.data(), key.name.size()) == 1 &&
                    RAND_priv_bytes(key.cipher.data(), key.cipher.size()) == 1 &&
                    RAND_priv_bytes(key.mac.data(), key.mac.size()) == 1;
  if (!good) std::terminate();  // tickets under a guessable key are worse than no process
  return key;
}

}  // namespace

void TicketKeys::rotate(TimePoint now) {
  if (keys_.empty() || now - keys_.front().made >= kPeriod) keys_.push_front({make_key(), now});
  // Keys go by age, not by number: after a quiet night the last key is as old as the night.
  while (keys_.size() > 1 && now - keys_.back().made >= kPeriod * kKept) {
    OPENSSL_cleanse(&keys_.back().key, sizeof keys_.back().key);
    keys_.pop_back();
  }
}

TicketKey TicketKeys::sealing(TimePoint now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  return keys_.front().key;
}

std::optional<TicketKeys::Opening> TicketKeys::opening(std::span<const std::uint8_t, 16> name,
                                                       TimePoint now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  for (const Kept& kept : keys_)
    if (std::equal(name.begin(), name.end(), kept.key.name.begin()))
      return Opening{kept.key, &kept != &keys_.front()};
  return std::nullopt;
}

}  // namespace cutwater::net
