// Replaces a version endpoint by endpoint, for a rolling rollout. The endpoints of `from` and `to`
// are paired; each pair is Old (its `from` serves), Out (none serves: it is drained, deployed,
// checked), New (its `to` serves) or Lost (its undo failed). Endpoints in service decide the
// traffic: `to` has the share New / (Old + New), so every endpoint carries the same. On a revert
// everything goes to `from` at once as long as one of its endpoints is in service; then the pairs
// go back in reverse order.
#pragma once

#include <string>

#include "control/rollout/transition_builder.hpp"

namespace cutwater::control {

class EndpointReplacement {
 public:
  EndpointReplacement(EngineState& state, TransitionBuilder& out) : state_(state), out_(out) {}

  std::size_t count(Place place) const;
  // Returns the pairs of a place for a sentence: "http://a (http://b), http://c".
  std::string names_of(Place place) const;

  // Takes out the next few: Old ones in the order of the plan, New ones in reverse.
  void take_out(Place place);
  // Gives the first of drain, deploy and health that is missing; after all of them the endpoints
  // that were out serve the new version.
  void replace_next();
  // The task at hand (drain, deploy or health) has been done.
  void task_done();

  // Begins the way back. An endpoint that was only being drained goes back as it is; one that may
  // already have changed is deployed again.
  void turn_back();
  // Goes a step of the way back, if nothing is under way.
  void undo_next();
  // The task at hand was a part of the way back and failed: its endpoints stay out of service.
  void undo_failed(const std::string& reason);

 private:
  void move(Place from, Place to);
  void place_traffic();

  EngineState& state_;
  TransitionBuilder& out_;
};

}  // namespace cutwater::control
