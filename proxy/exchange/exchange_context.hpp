// Holds what an exchange needs of the worker it runs on. Only the worker's thread uses it; it
// outlives its exchanges.
#pragma once

#include "proxy/base/random.hpp"
#include "proxy/exchange/access_log.hpp"
#include "proxy/exchange/endless.hpp"
#include "proxy/exchange/mirror.hpp"
#include "proxy/exchange/pinned_snapshot.hpp"
#include "proxy/net/event_loop.hpp"
#include "proxy/routing/assignment.hpp"
#include "proxy/routing/snapshot.hpp"
#include "proxy/stats/worker_counters.hpp"
#include "proxy/upstream/connection_pool.hpp"
#include "proxy/upstream/retry_budget.hpp"

namespace cutwater::exchange {

struct ExchangeContext {
  unsigned worker;
  net::EventLoop& loop;
  upstream::ConnectionPool& pool;
  net::BlockPool& blocks;
  stats::WorkerCounters& counters;
  AccessLog* log = nullptr;  // nullptr if there is no log
  Snapshot snapshot;         // swapped by the worker between two events
  upstream::RetryBudget retries;
  Random dice;  // deals requests that have no subject; seeded by the kernel
  routing::CookieIdSource cookie_ids;
  EndlessExchanges endless;
  MirrorSender* mirror = nullptr;  // nullptr if nothing is ever copied
};

}  // namespace cutwater::exchange
