#include "control/admin/places.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace cutwater::control::admin {

// Returns true when there is room for one more `among` those, if need be because one was closed.
template <typename Among, typename Key>
bool Places::make_room(std::size_t most, Among&& among, Key&& key) {
  std::size_t taken = 0;
  std::map<std::string, std::size_t> shares;
  for (const Place& place : places_) {
    if (place.gone || !among(place)) continue;
    ++taken;
    ++shares[key(place)];
  }
  if (taken < most) return true;
  Place* victim = nullptr;
  for (Place& place : places_) {
    if (place.gone || place.busy || !among(place)) continue;
    if (victim == nullptr || shares[key(place)] > shares[key(*victim)]) victim = &place;
  }
  if (victim == nullptr) return false;
  victim->gone = true;
  victim->close();
  return true;
}

Places::Handle Places::enter(Place newcomer) {
  const auto at_this_door = [door = newcomer.door](const Place& place) {
    return place.door == door && place.holder.empty();
  };
  make_room(strangers_, at_this_door, [](const Place& place) { return place.peer; });
  return places_.insert(places_.end(), std::move(newcomer));
}

bool Places::admit(Handle place, const std::string& holder, const Sha256& token) {
  if (place->holder.empty()) {
    const bool room = make_room(
        callers_, [](const Place& other) { return !other.holder.empty(); },
        [](const Place& other) { return other.holder; });
    if (!room) return false;
  }
  place->holder = holder;
  place->token = token;
  touch(place);
  return true;
}

std::size_t Places::followers() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      places_, [](const Place& place) { return place.following && !place.gone; }));
}

}  // namespace cutwater::control::admin
