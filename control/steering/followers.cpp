#include "control/steering/followers.hpp"

#include <boost/asio/as_tuple.hpp>

namespace cutwater::control {
namespace asio = boost::asio;

Awaitable<void> Followers::wait(std::string rollout_id, std::chrono::milliseconds wait) {
  auto timer = std::make_shared<asio::steady_timer>(context_, wait);
  waiters_.emplace(rollout_id, timer);
  const auto [error] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  // A change takes the waiter out itself, maybe in the moment it times out.
  if (!error) std::erase_if(waiters_, [&](const auto& one) { return one.second == timer; });
}

void Followers::wake(const std::string& rollout_id) {
  const auto [first, last] = waiters_.equal_range(rollout_id);
  for (auto it = first; it != last; ++it) it->second->cancel();
  waiters_.erase(first, last);
}

void Followers::wake_all() {
  for (auto& [id, timer] : waiters_) timer->cancel();
  waiters_.clear();
}

}  // namespace cutwater::control
