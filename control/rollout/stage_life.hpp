// Leads a rollout through its stages: enter, bake, gates, leave; and ends it, well or not. The
// source is in the order in which things happen. What persons tell a rollout is in
// person_commands.hpp, which uses the public moves here.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "control/rollout/endpoint_replacement.hpp"
#include "control/rollout/transition_builder.hpp"

namespace cutwater::control {

class StageLife {
 public:
  StageLife(EngineState& state, TransitionBuilder& out, EndpointReplacement& endpoints)
      : state_(state), out_(out), endpoints_(endpoints) {}

  void on(const event::Start& start);
  void on(const event::Tick& tick);
  void on(const event::Tripped& trip);
  void on(const event::Unhealthy& unhealthy);
  void on(const event::WeightsSwitched& switched);
  void on(const event::Done& done);
  void on(const event::Restarted& restarted);

  void go_to_stage(std::size_t step);
  // Goes to the next stage; after the last the new version is stable.
  void advance(const std::string& cause, const std::string& reason, const std::string& actor);
  using Obstacle = std::pair<std::string, std::string>;  // cause and sentence
  // Returns why the next stage may not begin now.
  std::optional<Obstacle> closed(const Surroundings& at) const;
  // Returns the phase in which the present stage does its work.
  Phase work_phase() const;
  // Ends the rollout as it was before. This says nothing about the version, so it is not locked
  // out.
  void stop_unjudged(const std::string& action, const std::string& cause, const std::string& reason,
                     const std::string& actor);
  // Gives everything back to `from` and locks `to` out.
  void revert(const std::string& cause, const std::string& reason, const std::string& actor);

 private:
  void begin();
  void try_leave(const event::Tick& tick, guard::Verdict verdict);
  bool has_proof(const event::Tick& tick, guard::Verdict verdict);
  void note_baseline(const Evidence& evidence);
  std::optional<Obstacle> obstacle_to_leaving(const event::Tick& tick) const;
  void wait_for(const Obstacle& obstacle, TimePoint now);
  bool is_out_of_time(TimePoint now) const;
  bool is_to_blame(const event::Tick& tick) const;
  bool is_through_gates(const Surroundings& at);
  void adapt_next_stage(const Surroundings& at);
  void succeed(const std::string& cause, const std::string& reason, const std::string& actor);
  void out_of_time(TimePoint now, const std::string& cause, const std::string& after);
  void revert_by_guard(const Evidence& evidence);
  std::string done_weight() const;

  EngineState& state_;
  TransitionBuilder& out_;
  EndpointReplacement& endpoints_;
};

}  // namespace cutwater::control
