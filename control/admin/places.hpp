// Decides who gives a place up when all are taken. Callers with a right token have places of their
// own, and so has each door (the API, the probes) for those that have shown none, probes among
// them. So neither a flood of strangers nor one caller's stuck requests keep the others out. It is
// pure: places are in order of what happened on them, and the caller says what happens. The control
// thread uses it.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <string>

#include "control/admin/auth.hpp"

namespace cutwater::control::admin {

// Where a connection came in: the API, or the address with probes and metrics only.
enum class Door { Api, Probes };

struct Place {
  Door door = Door::Api;
  std::string peer;             // the address it comes from
  std::function<void()> close;  // ends the connection
  std::string holder = {};      // name of the token; empty for a stranger
  Sha256 token{};               // its hash
  bool busy = false;            // a known caller's request is being worked on: not to be dropped
  bool following = false;       // a long poll or an event stream; such a place is busy
  bool gone = false;            // closed, and no longer counted
};

class Places {
 public:
  using Handle = std::list<Place>::iterator;

  Places(std::size_t strangers, std::size_t callers) : strangers_(strangers), callers_(callers) {}

  // A newcomer always gets in. If there are too many strangers at the door, one of those goes that
  // share an address with most others: the one on which nothing has happened for longest.
  Handle enter(Place newcomer);
  void leave(Handle place) { places_.erase(place); }
  // Something happened.
  void touch(Handle place) { places_.splice(places_.end(), places_, place); }
  // The connection has shown a right token of this name. If there are too many callers, one goes
  // that is not busy, of the token with most places. False when all are busy.
  bool admit(Handle place, const std::string& holder, const Sha256& token);

  std::size_t followers() const;
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (Place& place : places_) visit(place);
  }

 private:
  template <typename Among, typename Key>
  bool make_room(std::size_t most, Among&& among, Key&& key);

  const std::size_t strangers_;  // of each door
  const std::size_t callers_;
  std::list<Place> places_;  // the one on which something happened last is at the end
};

}  // namespace cutwater::control::admin
