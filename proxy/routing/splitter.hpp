// Maps a subject to a version, the same on every proxy and after every restart
// (control/admin/README.md). With two versions, the candidate gets the subject if u < its weight.
// With more, it uses weighted rendezvous, argmax of -w / ln(u_v) with a hash per version name, so
// the order of the list does not matter. Raising a weight moves subjects only into that version,
// lowering it only out of it. The functions are pure, except for draw().
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/random.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::routing {

// Returns u * 1 000 000 of the subject under this salt: 0..999 999, uniform.
std::uint32_t bucket_of(std::string_view subject, std::uint64_t salt);

// Makes a salt for a decision that belongs to no rollout: it is fixed by the decision's purpose and
// name.
std::uint64_t salt_of(std::string_view purpose, std::string_view name);

// Chooses by weighted rendezvous: the choice with the highest score gets the subject.
struct WeightedName {
  std::string_view name;
  std::int32_t weight;  // > 0
};
double share_score(WeightedName choice, std::string_view subject, std::uint64_t salt);

// Returns an index into service.versions. A version of weight 0 is never chosen; if all weights are
// 0, stable is chosen.
std::size_t split(const ServiceSnapshot& service, std::string_view subject);

// Draws a version for a request that has no subject, independently of every other request: the
// guard compares versions by requests that nobody can foresee, and a client that alternates between
// two pages must not get one version for each. A version of weight 0 is never drawn. Where one
// version has all of the weight, nothing is drawn; if all weights are 0, the result is stable.
std::size_t draw(const ServiceSnapshot& service, Random& random);

// Returns the identity of a client for the guard: it is independent of the split and never 0.
std::uint64_t client_hash(std::string_view subject);

}  // namespace cutwater::routing
