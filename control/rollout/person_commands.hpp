// Does what persons tell a rollout to do. Their commands go before everything that happens by
// itself, except a guard.
#pragma once

#include <string>

#include "control/rollout/stage_life.hpp"

namespace cutwater::control {

class PersonCommands {
 public:
  PersonCommands(EngineState& state, TransitionBuilder& out, EndpointReplacement& endpoints,
                 StageLife& stages)
      : state_(state), out_(out), endpoints_(endpoints), stages_(stages) {}

  void on(const event::Command& command);

 private:
  void pause(const event::Command& command);
  void resume(const event::Command& command);
  void promote(const event::Command& command);
  void promote_full(const event::Command& command);
  void abort(const event::Command& command);
  void approve(const event::Command& command);
  void reject(const event::Command& command);
  void ready(const event::Command& command);
  bool wants_approval(std::size_t first, std::size_t last) const;
  // Refuses the command when the person may not approve.
  bool may_approve(const event::Command& command);

  EngineState& state_;
  TransitionBuilder& out_;
  EndpointReplacement& endpoints_;
  StageLife& stages_;
};

}  // namespace cutwater::control
