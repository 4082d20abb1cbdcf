// Decides which request gets which version (control/admin/README.md): preview, then flag, then
// split by subject, then chance. It is pure: the snapshot, the request and the worker's own random
// numbers go in, a decision comes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/random.hpp"
#include "proxy/http/message.hpp"
#include "proxy/routing/snapshot.hpp"
#include "proxy/routing/sticky_cookie.hpp"
#include "proxy/routing/subject.hpp"

namespace cutwater::routing {

enum class Reason : std::uint8_t {
  Preview,  // a tester of the candidate under rollout
  Flag,     // a feature flag forced it
  Sticky,   // split by the own cookie's id (or the id just made for a new visitor)
  Key,      // split by the configured header, cookie or client address
  Chance,   // no subject: a draw of its own for each request
  Stable,   // the chosen version is tripped, capped or has no usable endpoint
};
std::string_view to_string(Reason reason);

// Describes a request that was left to the dice of the flag under comparison: its users ask for the
// flag, and neither lists nor an earlier rule has placed the request. "In" means that it is one of
// the flag's users; "not in" that it belongs to the control group, whatever places the request
// afterwards.
struct FlagDraw {
  guard::Comparison* comparison = nullptr;  // the snapshot's; nullptr if the request takes no part
                                            // in it
  bool in = false;
  double share = 0;          // the flag's share at that moment, 0 to 1: the chance to be in
  std::uint64_t client = 0;  // hash of the subject of the dice, if confirmed, else 0
};

struct Assignment {
  std::size_t version = 0;  // index into service.versions
  Reason reason = Reason::Chance;
  Reason first_reason = Reason::Chance;           // the rule before a fallback to stable
  std::size_t wanted = 0;                         // what the rule chose before a fallback to stable
  std::string_view flag;                          // name, with Reason::Flag
  FlagVerdict flag_verdict;                       // of that flag
  guard::VersionMonitor* flag_monitor = nullptr;  // counts the flagged requests
  FlagDraw draw;                                  // drawn for the flag that is compared, if any
  std::int32_t weight = 0;   // the chosen version's weight at decision time; 0 when not random
  bool random = false;       // feeds relative guards; false for flags and previews
  std::uint64_t client = 0;  // hash of a confirmed subject, 0 if none
  std::uint32_t bucket = 0;  // u * 1 000 000 of the subject, for explain
  bool has_subject = false;
  // Set for a new visitor with the own-cookie key: this id must be set, whatever the version.
  bool set_cookie = false;
  CookieId new_cookie{};
};

// `ids` makes a random id when a new cookie is needed. The function does not call monitor->admit():
// the caller does, and calls fall_to_stable() when the monitor refuses.
Assignment assign(const ServiceSnapshot& service, const RequestView& request, Random& random,
                  CookieIdSource& ids);
// Returns the id as a subject; empty without one.
std::string_view bytes_of(const std::optional<CookieId>& id);
// Returns the subject that `flag` looks at in this request: by the flag's key, or the subject of
// the split.
std::string_view flag_subject(const FlagSnapshot& flag, const RequestView& request,
                              std::string_view split_subject, AddressBytes& address);
// Returns the own cookie that the request brought; nullopt if it brought none that this proxy made.
std::optional<CookieId> own_cookie(const ServiceSnapshot& service, const http::FieldList& fields);
void fall_to_stable(const ServiceSnapshot& service, Assignment& assignment);
// Says whether what was decided by an older snapshot may still be carried out under `now`.
bool is_still_in_force(const ServiceSnapshot& service, const Assignment& assignment,
                       const RoutingSnapshot& now);

}  // namespace cutwater::routing
