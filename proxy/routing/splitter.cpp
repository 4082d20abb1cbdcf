#include "proxy/routing/splitter.hpp"

#include <algorithm>
#include <cmath>

#include "config/share.hpp"

#define XXH_INLINE_ALL  // a 16-byte hash is a handful of instructions; a call would cost as much
#include <xxhash.h>

namespace cutwater::routing {
namespace {

std::uint64_t keyed_hash(std::string_view text, std::uint64_t key) {
  return XXH3_64bits_withSeed(text.data(), text.size(), key);
}

std::size_t rendezvous(const ServiceSnapshot& service, std::string_view subject) {
  std::size_t best = service.stable;
  double best_score = 0;
  for (std::size_t i = 0; i < service.versions.size(); ++i) {
    const VersionSnapshot& version = service.versions[i];
    if (version.weight <= 0) continue;
    const double its_score = share_score({version.name, version.weight}, subject, service.salt);
    // Equal scores are almost impossible; the name makes even such a case independent of the list's
    // order.
    const bool wins = its_score > best_score || (its_score == best_score && best_score > 0 &&
                                                 version.name < service.versions[best].name);
    if (!wins) continue;
    best = i;
    best_score = its_score;
  }
  return best;
}

}  // namespace

std::uint64_t salt_of(std::string_view purpose, std::string_view name) {
  return keyed_hash(name, keyed_hash(purpose, 0));
}

// With u uniform in (0, 1), the chance to have the highest score is the share of the weights.
double share_score(WeightedName choice, std::string_view subject, std::uint64_t salt) {
  const std::uint64_t hash = keyed_hash(subject, keyed_hash(choice.name, salt));
  const double u = (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53;
  return -static_cast<double>(choice.weight) / std::log(u);
}

std::uint32_t bucket_of(std::string_view subject, std::uint64_t salt) {
  // Multiply-shift maps 64 bits to 0..999 999 without the bias of a remainder.
  const auto wide = static_cast<unsigned __int128>(keyed_hash(subject, salt)) * Share::kWhole;
  return static_cast<std::uint32_t>(wide >> 64);
}

std::size_t split(const ServiceSnapshot& service, std::string_view subject) {
  if (service.versions.size() > 2) return rendezvous(service, subject);
  if (service.versions.size() < 2) return service.stable;
  const std::size_t candidate = 1 - service.stable;
  const auto weight = static_cast<std::int64_t>(service.versions[candidate].weight);
  return bucket_of(subject, service.salt) < weight ? candidate : service.stable;
}

std::size_t draw(const ServiceSnapshot& service, Random& random) {
  std::uint32_t whole = 0;
  std::size_t last = service.stable;
  std::size_t choices = 0;
  for (std::size_t i = 0; i < service.versions.size(); ++i) {
    if (service.versions[i].weight <= 0) continue;
    whole += static_cast<std::uint32_t>(service.versions[i].weight);
    last = i;
    ++choices;
  }
  if (choices < 2) return last;
  std::uint32_t at = random.below(whole);
  for (std::size_t i = 0; i < last; ++i) {
    const auto weight = static_cast<std::uint32_t>(std::max(service.versions[i].weight, 0));
    if (at < weight) return i;
    at -= weight;
  }
  return last;
}

std::uint64_t client_hash(std::string_view subject) {
  constexpr std::uint64_t kClientKey = 0x637574'77617465;  // any constant that is no salt
  const std::uint64_t hash = keyed_hash(subject, kClientKey);
  return hash == 0 ? 1 : hash;
}

}  // namespace cutwater::routing
