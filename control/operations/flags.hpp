// Shows, changes, kills and revives feature flags at run time as people ask, and evaluates flags
// for applications. It belongs to control's io_context and lives as long as the control plane.
#pragma once

#include <string>

#include "control/operations/resources.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class FlagsOperations : public FlagsResource {
 public:
  FlagsOperations(SteeredParts parts, Steering& steering) : parts_(parts), steering_(steering) {}

  Reply flags(const std::string& service) override;
  Awaitable<Reply> set_flag(std::string service, std::string flag, bool enabled,
                            Actor actor) override;
  Awaitable<Reply> put_flag(std::string service, std::string flag, boost::json::object body,
                            Precondition precondition, Actor actor) override;
  Reply ofrep_flag(const std::string& key, const boost::json::object& request) override;
  Reply ofrep_flags(const boost::json::object& request) override;

 private:
  boost::json::object view_of(const ServiceEntry& entry, const config::Flag& flag) const;
  Awaitable<Reply> change(std::string service, Actor actor, config::Flag file, FlagState after,
                          Why why);

  SteeredParts parts_;
  Steering& steering_;
};

}  // namespace cutwater::control
