// Reads one value out of the Prometheus text format (exposition format 0.0.4 and OpenMetrics). What
// another program says, so nothing about it is taken for granted; a line that is no sample of the
// metric is passed over. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace cutwater::control::health {

// The sum over the samples of the metric with exactly this name, whatever their labels. nullopt:
// there is none, or one that is no finite number.
std::optional<double> read_metric(std::string_view text, std::string_view name);

}  // namespace cutwater::control::health
