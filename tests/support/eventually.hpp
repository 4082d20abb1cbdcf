// Waits for a condition that another thread brings about. A client may have its answer before the
// worker has recorded it, so tests ask eventually() instead of sleeping.
#pragma once

#include <functional>

#include "tests/support/tcp_stream.hpp"

namespace cutwater::test {

// Returns true as soon as `condition` holds; false when it still does not after `within`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds within = kPatience);

}  // namespace cutwater::test
