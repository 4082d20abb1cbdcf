// Knows who waits for the next change of a rollout (long polls). It belongs to control's thread and
// lives as long as Steering.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "control/base/awaitable.hpp"

namespace cutwater::control {

class Followers {
 public:
  explicit Followers(boost::asio::io_context& context) : context_(context) {}

  // Completes when the rollout has changed or `wait` has passed.
  Awaitable<void> wait(std::string rollout_id, std::chrono::milliseconds wait);
  void wake(const std::string& rollout_id);
  void wake_all();

 private:
  boost::asio::io_context& context_;
  std::multimap<std::string, std::shared_ptr<boost::asio::steady_timer>> waiters_;
};

}  // namespace cutwater::control
