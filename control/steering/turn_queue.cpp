#include "control/steering/turn_queue.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cutwater::control {
namespace asio = boost::asio;

TurnQueue::Turn::~Turn() {
  if (!state_) return;  // moved from
  auto& waiters = state_->waiters;
  if (waiters.empty()) {
    state_->busy = false;
    return;
  }
  // min_element finds the first of the most urgent ones.
  const auto next =
      std::min_element(waiters.begin(), waiters.end(),
                       [](const auto& a, const auto& b) { return a->urgency < b->urgency; });
  const std::shared_ptr<Waiter> waiter = *next;
  waiters.erase(next);
  waiter->granted = true;
  waiter->wake.cancel();
}

asio::awaitable<TurnQueue::Turn> TurnQueue::take(Urgency urgency) {
  const auto state = state_;
  if (!state->busy) {
    state->busy = true;
    co_return Turn(state);
  }
  auto waiter = std::make_shared<Waiter>(
      Waiter{urgency, asio::steady_timer(executor_, asio::steady_timer::time_point::max()), false});
  state->waiters.push_back(waiter);
  while (!waiter->granted) co_await waiter->wake.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return Turn(state);
}

std::optional<TurnQueue::Turn> TurnQueue::try_take() {
  if (state_->busy) return std::nullopt;
  state_->busy = true;
  return std::make_optional<Turn>(state_);
}

}  // namespace cutwater::control
