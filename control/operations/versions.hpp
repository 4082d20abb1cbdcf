// Answers for one version of a service: where it runs, drained and let back, removed. It belongs to
// control's io_context and lives as long as the control plane.
#pragma once

#include <optional>
#include <string>

#include "control/operations/resources.hpp"
#include "control/steering/takeover.hpp"

namespace cutwater::control {

class VersionsOperations : public VersionsResource {
 public:
  VersionsOperations(SteeredParts parts, Steering& steering, Takeover& takeover)
      : parts_(parts), steering_(steering), takeover_(takeover) {}

  Awaitable<Reply> act_on_version(std::string service, std::string version, VersionAction action,
                                  Actor actor) override;
  Awaitable<Reply> put_version(std::string service, std::string version, boost::json::object body,
                               Precondition precondition, Actor actor) override;
  Awaitable<Reply> remove_version(std::string service, std::string version,
                                  Precondition precondition, Actor actor, bool dry_run) override;

 private:
  // Puts the configuration with the service's changed state in force, or answers why it cannot be.
  Awaitable<std::optional<Reply>> change_where(ServiceState state, std::string version, Why why);

  SteeredParts parts_;
  Steering& steering_;
  Takeover& takeover_;
};

}  // namespace cutwater::control
