// Takes one request from its head to its recorded outcome. See exchange.cpp for the path, step by
// step, and proxy/README.md for the termination table.
#pragma once

#include "proxy/exchange/exchange_context.hpp"
#include "proxy/http/stream.hpp"

namespace cutwater::exchange {

// Completes when the response has been sent or given up, and the outcome recorded and logged.
// Afterwards the stream itself knows whether its connection may be kept.
Task<void> run_exchange(ExchangeContext& context, http::DownstreamStream& downstream);

}  // namespace cutwater::exchange
