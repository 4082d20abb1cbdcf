// Feeds the reader of another program's metrics: whatever the text is, the result is a finite
// number or none, and a line that is not a sample changes nothing.
#include <cmath>
#include <string>

#include "control/health/metric_text.hpp"
#include "fuzz_check.hpp"

using namespace cutwater;
using control::health::read_metric;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::as_text(data, size));
  const auto value = read_metric(text, "memory_bytes");
  fuzz::check(!value || std::isfinite(*value), "a number or nothing");
  const auto same = read_metric("# HELP memory_bytes {\n" + text, "memory_bytes");
  fuzz::check(value == same, "a comment changes nothing");
  fuzz::check(read_metric(text, "") == std::nullopt, "no name, no metric");
  return 0;
}
