// Fills the metrics page from the controller and the workers. Thread: control's.
#pragma once

#include "control/controller_impl.hpp"
#include "control/metrics/exposition.hpp"

namespace cutwater::control {

MetricsInput collect_metrics(ControllerImpl& controller, const stats::ProxyTotals& totals,
                             TimePoint now);

}  // namespace cutwater::control
