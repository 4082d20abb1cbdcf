// Makes the names a request gets when it carries none: X-Request-ID, and a W3C Trace Context
// `traceparent` (https://www.w3.org/TR/trace-context/). The functions are pure except that they use
// this thread's random numbers.
#pragma once

#include <array>

namespace cutwater::exchange {

void fill_trace_ids(std::array<char, 32>& request_id, std::array<char, 55>& traceparent);

}  // namespace cutwater::exchange
