// Starts, commands and follows rollouts as people ask; answers what the guard has found so far, the
// record of a rollout and its replay. It belongs to control's io_context and lives as long as the
// control plane.
#pragma once

#include <optional>
#include <string>

#include "control/operations/resources.hpp"
#include "control/rollout/plan.hpp"
#include "control/rollout/replay.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class RolloutsOperations : public RolloutsResource {
 public:
  RolloutsOperations(SteeredParts parts, Steering& steering) : parts_(parts), steering_(steering) {}

  Reply rollouts(const std::string& service) override;
  Reply rollout(const std::string& id) override;
  Awaitable<Reply> wait_rollout(std::string id, std::chrono::milliseconds wait) override;
  Reply analysis(const std::string& rollout_id) override;
  Awaitable<Reply> record(std::string rollout_id) override;
  Awaitable<Reply> replay(std::string rollout_id, boost::json::object guards) override;
  Awaitable<Reply> start_rollout(std::string service, boost::json::object body, Actor actor,
                                 bool dry_run) override;
  Awaitable<Reply> command(std::string rollout_id, RolloutAction action, boost::json::object body,
                           Actor actor) override;

 private:
  EngineState new_rollout(const ServiceEntry& entry, const RolloutRequest& request,
                          const Actor& actor) const;
  Awaitable<Reply> begin(ServiceEntry& entry, RolloutRequest request, Actor actor);
  Awaitable<Reply> retry(ServiceEntry& entry, const EngineState& ended, Actor actor, bool force);
  std::optional<Reply> check_new(const ServiceEntry& entry, RolloutRequest& request) const;
  // Says whether the plan can work with these versions and these people.
  std::optional<Reply> check_fit(const ServiceEntry& entry, RolloutRequest& request) const;
  // Says whether it may begin now: the windows are open, and the endpoints are enough for the first
  // share of traffic.
  std::optional<Reply> check_moment(const ServiceState& state, const RolloutRequest& request) const;
  // Whether the policy lets this person start it.
  std::optional<Reply> check_policy(const ServiceEntry& entry, const RolloutRequest& request,
                                    const Actor& actor) const;
  // Puts in the ticks; a Reply says why there are none.
  Awaitable<std::optional<Reply>> add_ticks(ReplayCase& out) const;

  SteeredParts parts_;
  Steering& steering_;
};

}  // namespace cutwater::control
