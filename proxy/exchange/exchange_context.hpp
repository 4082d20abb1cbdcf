// What an exchange needs of the worker it runs on. Thread: the worker; outlives its exchanges.
#pragma once

#include <boost/smart_ptr/local_shared_ptr.hpp>
#include <memory>

#include "proxy/exchange/access_log.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/routing/assignment.hpp"
#include "proxy/routing/snapshot.hpp"
#include "proxy/stats/worker_counters.hpp"
#include "proxy/upstream/connection_pool.hpp"
#include "proxy/upstream/retry_budget.hpp"

namespace cutwater::exchange {

// A worker's own hold on the snapshot. Counted without atomics: pinning it for an exchange must
// not write to memory that other workers share.
using Snapshot = boost::local_shared_ptr<const std::shared_ptr<const routing::RoutingSnapshot>>;

struct ExchangeContext {
  unsigned worker;
  net::EventLoop& loop;
  upstream::ConnectionPool& pool;
  net::BlockPool& blocks;
  stats::WorkerCounters& counters;
  AccessLog* log = nullptr;  // nullptr: off
  Snapshot snapshot;         // swapped by the worker between two events
  upstream::RetryBudget retries;
  routing::SmoothSequence sequence;
  routing::CookieIdSource cookie_ids;
};

}  // namespace cutwater::exchange
