// Handles what comes before the first request of a connection: the PROXY header of a balancer in
// front of us, then the TLS handshake. Both together must be over within `handshake_timeout`. Only
// the worker's thread uses it.
#pragma once

#include "proxy/base/task.hpp"
#include "proxy/stats/worker_counters.hpp"
#include "proxy/worker/connection.hpp"

namespace cutwater::worker {

struct GreetingContext {
  net::EventLoop& loop;
  const config::Limits& limits;
  net::ConnectionQuota& quota;
  stats::WorkerCounters& counters;
};

// Returns false if the connection is to be closed; the reason has been counted.
Task<bool> greet(Connection& connection, GreetingContext context);

}  // namespace cutwater::worker
