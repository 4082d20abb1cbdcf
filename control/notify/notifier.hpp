// Delivers the outbox: each channel has one loop, so that a dead channel delays no other, and no
// decision waits for a delivery. It runs on control's io_context and lives as long as the app.
//
// Delivery is at least once: a message is marked as delivered after its receiver has said so, and
// carries the same id however often it is sent. Messages of a channel are delivered in order. A
// failed attempt is repeated with exponential back-off and jitter until the message expires; a
// message that expired or was refused stays readable as a dead letter.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "config/notify.hpp"
#include "control/base/http_client.hpp"
#include "control/base/reply.hpp"
#include "control/notify/message.hpp"
#include "control/notify/router.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control::notify {

// Provides the outside world, so that tests can replace it.
struct Outside {
  std::function<std::int64_t()> wall_ms;
  std::function<boost::asio::awaitable<HttpOutcome>(HttpRequest)> ask = ask_http;
  std::function<double()> random;  // 0..1
  std::string source;              // "cutwater/HOST"
};
Outside real_outside();

// Says how long to wait before attempt number `attempt` + 1: 1 s, 2 s, 4 s ... 5 min, reduced by up
// to a half at random.
std::chrono::milliseconds back_off(int attempt, double random);

class Notifier {
 public:
  Notifier(boost::asio::io_context& context, AsyncStore& store, Outside outside);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Sets the channels from now on. A channel that is gone gives up what it had left.
  void adopt(const config::Operations& operations);
  // Sets the incidents that an earlier life opened (Store::open_topics).
  void set_open(const std::vector<OpenTopic>& topics);
  // Starts delivering; before that only deliver_due() delivers.
  void start();
  void stop();  // ends the loops; idempotent

  // These surround every write of decisions: before_write() fills in `change.outbox`, after_write()
  // wakes the loops.
  void before_write(Change& change) const;
  void after_write(const Change& change);
  // Tells something that is not a decision, with a note that remembers it (Store::put_note).
  boost::asio::awaitable<bool> tell(std::string note_key, std::string note,
                                    std::vector<Router::Notice> notices);

  // Sends what may be sent now; returns how long it takes until there may be more (nullopt: nothing
  // waits).
  boost::asio::awaitable<std::optional<std::chrono::milliseconds>> deliver_due(std::string channel);

  // Sends a test message to one channel (empty: to all), past the outbox, and returns what became
  // of it.
  boost::asio::awaitable<Reply> test(std::string channel);

  // Counts since the start, by channel and result ("delivered", "retried", "dead").
  using Counted = std::map<std::pair<std::string, std::string>, std::uint64_t>;
  const Counted& counted() const;
  std::map<std::string, std::uint64_t> pending() const;  // by channel

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // also held by the loops, which may end later
};

}  // namespace cutwater::control::notify
