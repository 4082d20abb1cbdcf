// Delivers the outbox: one loop for each channel, so that a dead one delays no other, and nobody
// who decides anything waits for either. Thread: control's io_context; lives as long as the app.
//
// At least once: a message is marked as delivered after its receiver has said so, and carries the
// same id however often it is sent. In order within a channel. A failed attempt is repeated with
// exponential back-off and jitter until the message expires; what expired or was refused stays
// readable as dead letter.
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

// The world around, so that tests hold it in their hand.
struct Outside {
  std::function<std::int64_t()> wall_ms;
  std::function<boost::asio::awaitable<HttpOutcome>(HttpRequest)> ask = ask_http;
  std::function<double()> random;  // 0..1
  std::string source;              // "cutwater/HOST"
};
Outside real_outside();

// Waits before attempt number `attempt` + 1: 1 s, 2 s, 4 s ... 5 min, less up to a half by chance.
std::chrono::milliseconds back_off(int attempt, double random);

class Notifier {
 public:
  Notifier(boost::asio::io_context& context, AsyncStore& store, Outside outside);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // The channels from now on. A channel that is gone gives up what it had left.
  void adopt(const config::Operations& operations);
  // The incidents an earlier life opened (Store::open_topics).
  void set_open(const std::vector<OpenTopic>& topics);
  // Starts delivering; before it only deliver_due() does.
  void start();
  void stop();  // ends the loops; idempotent

  // Around every write of decisions: before it fills in `change.outbox`, after it wakes the loops.
  void before_write(Change& change) const;
  void after_write(const Change& change);
  // Something that is no decision, with a note that remembers it (Store::put_note).
  boost::asio::awaitable<bool> tell(std::string note_key, std::string note,
                                    std::vector<Router::Notice> notices);

  // Sends what may be sent now; how long until there may be more (nullopt: nothing waits).
  boost::asio::awaitable<std::optional<std::chrono::milliseconds>> deliver_due(std::string channel);

  // A test message to one channel (empty: to all), past the outbox, and what became of it.
  boost::asio::awaitable<Reply> test(std::string channel);

  // channel and result ("delivered", "retried", "dead") -> since start.
  using Counted = std::map<std::pair<std::string, std::string>, std::uint64_t>;
  const Counted& counted() const;
  std::map<std::string, std::uint64_t> pending() const;  // by channel

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // also held by the loops, which may end later
};

}  // namespace cutwater::control::notify
