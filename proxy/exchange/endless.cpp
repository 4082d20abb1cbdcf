#include "proxy/exchange/endless.hpp"

#include <algorithm>

#include "proxy/base/random.hpp"

namespace cutwater::exchange {

std::string_view to_string(EndedFor reason) {
  switch (reason) {
    case EndedFor::Nothing:
      break;
    case EndedFor::Withdrawal:
      return "withdrawn";
    case EndedFor::Drain:
      return "drained";
  }
  return "";
}

EndlessExchange::EndlessExchange(EndlessExchanges& all, const routing::VersionSnapshot& version,
                                 http::UpstreamStream& upstream)
    : all_(all), version_(version.monitor.get()), upstream_(upstream), timer_(this, &cut) {
  all_.running_.push_back(*this);
  all_.schedule(*this);  // its head may have come after the version was withdrawn
}

void EndlessExchange::cut(void* self) {
  auto* exchange = static_cast<EndlessExchange*>(self);
  exchange->ended_for_ = exchange->due_for_;
  exchange->upstream_.cancel();
}

void EndlessExchanges::on_switch(const routing::RoutingSnapshot& snapshot) {
  const bool had_withdrawn = !withdrawn_.empty();
  withdrawn_.clear();
  for (const auto& service : snapshot.services)
    for (const auto& version : service->versions)
      if (version.withdrawn)
        withdrawn_.push_back({version.monitor.get(), service->timeouts.revert_grace});
  if (!had_withdrawn && withdrawn_.empty()) return;
  for (EndlessExchange& exchange : running_) schedule(exchange);
}

void EndlessExchanges::drain(TimePoint from, TimePoint until) {
  drain_ = {from, std::max(from, until)};
  for (EndlessExchange& exchange : running_) schedule(exchange);
}

void EndlessExchanges::schedule(EndlessExchange& exchange) {
  if (drain_) {
    if (exchange.due_for_ != EndedFor::Nothing) return;  // by then the exchange is over anyway
    exchange.due_for_ = EndedFor::Drain;
    loop_.timers().arm(exchange.timer_, moment(*drain_));
    return;
  }
  const auto found = std::find_if(withdrawn_.begin(), withdrawn_.end(), [&](const Withdrawn& one) {
    return one.version == exchange.version_;
  });
  if (found == withdrawn_.end()) {
    exchange.due_for_ = EndedFor::Nothing;
    exchange.timer_.disarm();
  } else if (exchange.due_for_ == EndedFor::Nothing) {
    exchange.due_for_ = EndedFor::Withdrawal;
    loop_.timers().arm(exchange.timer_, moment({loop_.now(), loop_.now() + found->grace}));
  }
}

Task<void> say_goodbye(http::DownstreamStream& downstream, const http::ResponseHead& response,
                       bool grpc) {
  if (response.framing == http::Framing::Length) co_return downstream.reset();
  http::FieldList trailers;
  http::BodyChunk last;
  last.end_stream = true;
  if (grpc) {
    trailers.push_back({"grpc-status", "14"});
    trailers.push_back({"grpc-message", "ended by the proxy, call again"});
    last.trailers = &trailers;
  }
  const auto sent = downstream.write_body(last);
  if (!sent) co_return downstream.reset();
  if (*sent == http::Flow::Done) co_return;
  const auto flushed = co_await downstream.flush();
  if (!flushed) downstream.reset();
}

TimePoint EndlessExchanges::moment(Window window) const {
  const auto most = std::chrono::duration_cast<Milliseconds>(window.until - window.from).count();
  if (most <= 0) return window.from;
  return window.from + Milliseconds(thread_random().below(
                           static_cast<std::uint32_t>(std::min<std::int64_t>(most, UINT32_MAX))));
}

}  // namespace cutwater::exchange
