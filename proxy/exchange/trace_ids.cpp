#include "proxy/exchange/trace_ids.hpp"

#include <cstring>

#include "proxy/base/random.hpp"

namespace cutwater::exchange {

void fill_trace_ids(std::array<char, 32>& request_id, std::array<char, 55>& traceparent) {
  Random& random = thread_random();
  hex16(random.next(), &request_id[0]);
  hex16(random.next(), &request_id[16]);
  // The request id doubles as the trace id. The trace is marked as sampled, because an unsampled
  // root would switch off tracing in every parent-based sampler behind the proxy.
  std::memcpy(&traceparent[0], "00-", 3);
  std::memcpy(&traceparent[3], request_id.data(), 32);
  traceparent[35] = '-';
  hex16(random.next() | 1, &traceparent[36]);
  std::memcpy(&traceparent[52], "-01", 3);
}

}  // namespace cutwater::exchange
