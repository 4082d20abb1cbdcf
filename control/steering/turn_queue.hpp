// Lets one change happen at a time, in order, so that generations form a line. A tripped guard goes
// before people, people before what happens by itself; among equals the first to come is served
// first. The queue belongs to control's thread. Turns may outlive the queue object (coroutines
// destroyed at shutdown).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>

namespace cutwater::control {

class TurnQueue {
 public:
  enum class Urgency { Trip, Person };

 private:
  struct Waiter {
    Urgency urgency;
    boost::asio::steady_timer wake;  // never expires, is cancelled
    bool granted = false;
  };
  struct State {
    bool busy = false;
    std::list<std::shared_ptr<Waiter>> waiters;
  };

 public:
  // While somebody has a turn nobody else changes anything. Its destructor gives the turn on.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Turn(Turn&&) = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    std::shared_ptr<State> state_;
  };

  explicit TurnQueue(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  boost::asio::awaitable<Turn> take(Urgency urgency);
  // Takes a turn for what happens by itself; it never stands in line before a person.
  std::optional<Turn> try_take();
  // Forgets everybody who waits; they never get their turn. Call it at the end of the application.
  void clear() { state_->waiters.clear(); }

 private:
  boost::asio::any_io_executor executor_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace cutwater::control
