// Shows and changes the mirror of a service: its share, and what came of the copies. It belongs to
// control's io_context and lives as long as the control plane.
#pragma once

#include <string>

#include "control/operations/resources.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class MirrorOperations : public MirrorResource {
 public:
  MirrorOperations(SteeredParts parts, Steering& steering) : parts_(parts), steering_(steering) {}

  Reply mirror(const std::string& service) override;
  Awaitable<Reply> put_mirror(std::string service, boost::json::object body,
                              Precondition precondition, Actor actor) override;

 private:
  SteeredParts parts_;
  Steering& steering_;
};

}  // namespace cutwater::control
