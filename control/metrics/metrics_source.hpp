// Fills the metrics page from the controller and the workers. It runs on control's thread.
#pragma once

#include "control/history/historian.hpp"
#include "control/metrics/exposition.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

MetricsInput collect_metrics(ControllerImpl& controller, const stats::ProxyTotals& totals,
                             TimePoint now);
// Adds notifications and DORA figures.
void add_history(MetricsInput& input, const Historian& historian);

}  // namespace cutwater::control
