// Fills the metrics page from the control plane and the workers. It runs on control's thread.
#pragma once

#include "control/history/historian.hpp"
#include "control/metrics/exposition.hpp"
#include "control/operations/configuration.hpp"
#include "control/operations/proxy.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

// Names the parts that the figures come from.
struct MetricsParts {
  Services& services;
  const Publisher& publisher;
  const Steering& steering;
  const ConfigurationOperations& configuration;
  ProxyOperations& proxy;
};
MetricsInput collect_metrics(const MetricsParts& parts, const stats::ProxyTotals& totals,
                             TimePoint now);
// Adds notifications and DORA figures.
void add_history(MetricsInput& input, const Historian& historian);

}  // namespace cutwater::control
