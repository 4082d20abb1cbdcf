// Gives a worker its own hold on the snapshot. The hold is counted without atomics: pinning the
// snapshot for an exchange must not write to memory that other workers share.
#pragma once

#include <boost/smart_ptr/local_shared_ptr.hpp>
#include <memory>

#include "proxy/routing/snapshot.hpp"

namespace cutwater::exchange {

using Snapshot = boost::local_shared_ptr<const std::shared_ptr<const routing::RoutingSnapshot>>;

}  // namespace cutwater::exchange
