// Collects what one event does to a rollout. Each move that the parts of the engine make (a
// decision, new weights, another phase) changes the state and notes its effect in the same step.
// The builder lives on the stack of apply(); so do the parts, which hold references to it and to
// the state.
#pragma once

#include <string>
#include <utility>

#include "control/rollout/engine.hpp"

namespace cutwater::control {

class TransitionBuilder {
 public:
  explicit TransitionBuilder(EngineState& state) : state_(state) {}
  Transition take() { return std::move(out_); }

  // Notes one of the types in Effect. It is made in its place: GCC 12 takes a moved variant for
  // uninitialised.
  template <class OneEffect>
  void add(OneEffect effect) {
    out_.effects.emplace_back(std::move(effect));
  }
  void decide(std::string action, std::string cause, std::string reason, std::string actor);
  void enter(Phase phase);
  // Gives `to` this share and the rest to `from`.
  void set_weights(Share to);
  // Asks for something to be done outside; the rollout is held meanwhile if there is a reason.
  void give_task(Task::Kind kind, const std::string& reason);
  void hold(const std::string& cause, const std::string& reason);
  // Records the decision once per change of cause, not per tick.
  void say_once(const std::string& action, const std::string& cause, const std::string& reason);
  // The time of the present stage begins now.
  void start_clock(TimePoint now);
  // The event is not possible; nothing else may have been done.
  void refuse(std::string type, std::string detail);

 private:
  EngineState& state_;
  Transition out_;
};

}  // namespace cutwater::control
