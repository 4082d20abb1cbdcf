// Reads one value out of the Prometheus text format (exposition format 0.0.4 and OpenMetrics).
// Another program writes the text, so nothing about it is taken for granted; a line that is not a
// sample of the metric is passed over. It is pure.
#pragma once

#include <optional>
#include <string_view>

namespace cutwater::control::health {

// Returns the sum over the samples of the metric with exactly this name, whatever their labels. It
// is nullopt if there is none, or a sample is not a finite number.
std::optional<double> read_metric(std::string_view text, std::string_view name);

}  // namespace cutwater::control::health
