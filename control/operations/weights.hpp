// Steers directly: weights by hand, for good or for a while, and back to the last good version. It
// belongs to control's io_context and lives as long as the control plane.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "control/operations/resources.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class WeightsOperations : public WeightsResource {
 public:
  WeightsOperations(SteeredParts parts, Steering& steering) : parts_(parts), steering_(steering) {}

  Reply weights(const std::string& service) override;
  Awaitable<Reply> put_weights(std::string service, boost::json::object weights,
                               Precondition precondition, Actor actor, bool dry_run) override;
  Awaitable<Reply> rollback(std::string service, boost::json::object body, Actor actor) override;

 private:
  std::optional<Reply> check_fit(const ServiceState& state,
                                 const std::map<std::string, Share>& next) const;

  SteeredParts parts_;
  Steering& steering_;
};

}  // namespace cutwater::control
