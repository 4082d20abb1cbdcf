// Shows services as people see them: weights, versions, live rates, verdicts. It changes nothing.
// It belongs to control's thread and lives as long as the control plane.
#pragma once

#include <string>

#include "control/operations/resources.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

// Shows one version of a service: where it runs, what it has and does, what its guard says.
boost::json::object version_view(const SteeredParts& parts, const config::Service& config,
                                 ServiceEntry& entry, const std::string& version);

class ServicesOperations : public ServicesResource {
 public:
  ServicesOperations(SteeredParts parts, const Steering& steering)
      : parts_(parts), steering_(steering) {}

  Reply services() override;
  Reply service(const std::string& name) override;
  Reply explain(const std::string& service, const boost::json::object& request) override;

 private:
  boost::json::object service_view(const config::Service& config, ServiceEntry& entry) const;
  boost::json::object unavailable_view(const ServiceEntry& entry) const;

  SteeredParts parts_;
  const Steering& steering_;
};

}  // namespace cutwater::control
