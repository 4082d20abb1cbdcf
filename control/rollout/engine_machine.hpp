// Applies one event to one rollout, inside the engine: engine.cpp has the life of a stage,
// engine_people.cpp the commands of persons, engine_rolling.cpp the endpoints. The object lives on
// the stack of apply().
#pragma once

#include <string>
#include <utility>

#include "control/rollout/engine.hpp"

namespace cutwater::control {

class Machine {
 public:
  explicit Machine(EngineState& state) : state_(state) {}
  Transition take() { return std::move(out_); }

  void on(const event::Start& start);
  void on(const event::Tick& tick);
  void on(const event::Tripped& trip);
  void on(const event::Unhealthy& unhealthy);
  void on(const event::Command& command);
  void on(const event::WeightsSwitched& switched);
  void on(const event::Done& done);
  void on(const event::Restarted& restarted);

 private:
  // --- engine.cpp: the life of a stage ------------------------------------------------------
  void begin();
  void try_leave(const event::Tick& tick, guard::Verdict verdict);
  bool has_proof(const event::Tick& tick, guard::Verdict verdict);
  bool is_to_blame(const event::Tick& tick) const;
  bool is_through_gates(const Surroundings& at);
  std::optional<std::pair<std::string, std::string>> closed(const Surroundings& at) const;
  void go_to_stage(std::size_t step);
  void advance(const std::string& cause, const std::string& reason, const std::string& actor);
  void adapt_next_stage(const Surroundings& at);
  void succeed(const std::string& cause, const std::string& reason, const std::string& actor);
  void out_of_time(TimePoint now, const std::string& cause, const std::string& after);
  void stop_unjudged(const std::string& action, const std::string& cause, const std::string& reason,
                     const std::string& actor);
  void revert_by_guard(const Evidence& evidence);
  void revert(const std::string& cause, const std::string& reason, const std::string& actor);
  void hold(const std::string& cause, const std::string& reason);
  void say_once(const std::string& action, const std::string& cause, const std::string& reason);
  void give_task(Task::Kind kind, const std::string& reason);
  Phase work_phase() const;
  Phase effective() const;  // the phase under a pause
  bool is_over() const { return is_terminal(state_.phase) || state_.phase == Phase::RollingBack; }
  std::string done_weight() const;
  void start_clock(TimePoint now);
  std::map<std::string, Share> split(Share to) const;
  void set_weights(Share to);
  void decide(std::string action, std::string cause, std::string reason, std::string actor);
  void enter(Phase phase);
  void refuse(std::string type, std::string detail);

  // --- engine_people.cpp --------------------------------------------------------------------
  void pause(const event::Command& command);
  void resume(const event::Command& command);
  void promote(const event::Command& command);
  void promote_full(const event::Command& command);
  void abort(const event::Command& command);
  void approve(const event::Command& command);
  void reject(const event::Command& command);
  void ready(const event::Command& command);
  bool wants_approval(std::size_t first, std::size_t last) const;
  bool may_approve(const event::Command& command);
  static std::string said(const event::Command& command, const std::string& what);

  // --- engine_rolling.cpp -------------------------------------------------------------------
  std::size_t count(Place place) const;
  void move(Place from, Place to);
  void take_out(Place place);
  void place_traffic();
  bool replace_next();
  void replaced(const event::Done& done);
  void turn_back();
  void undo_next();
  std::string names_of(Place place) const;

  EngineState& state_;
  Transition out_;
};

}  // namespace cutwater::control
