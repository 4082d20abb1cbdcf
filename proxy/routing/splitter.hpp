// Subject to version, the same on every proxy and after every restart (contract.md section 2).
// Two versions: the candidate if u < its weight. More: weighted rendezvous, argmax of -w / ln(u_v)
// with a hash per version name, so the order of the list does not matter. Raising a weight moves
// subjects only into that version, lowering it only out of it. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/routing/snapshot.hpp"

namespace cutwater::routing {

// u * 1 000 000 of the subject under this salt: 0..999 999, uniform.
std::uint32_t bucket_of(std::string_view subject, std::uint64_t salt);

// A salt for a decision that belongs to no rollout: fixed by its purpose and name.
std::uint64_t salt_of(std::string_view purpose, std::string_view name);

// Weighted rendezvous: who has the highest score of all choices gets the subject.
struct WeightedName {
  std::string_view name;
  std::int32_t weight;  // > 0
};
double share_score(WeightedName choice, std::string_view subject, std::uint64_t salt);

// Index into service.versions. A version of weight 0 is never chosen; if all are 0, stable is.
std::size_t split(const ServiceSnapshot& service, std::string_view subject);

// Identity of a client for the guard: independent of the split, never 0.
std::uint64_t client_hash(std::string_view subject);

}  // namespace cutwater::routing
