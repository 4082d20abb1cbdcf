// Looks back: it keeps the audit log, DORA figures and what became of notifications, and forgets
// what is older than `history.keep`. It runs on control's thread and lives as long as the app. It
// reads the store and never steers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/notify.hpp"
#include "control/base/reply.hpp"
#include "control/history/dora.hpp"
#include "control/notify/notifier.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control {

inline constexpr std::chrono::milliseconds kDoraWindow = std::chrono::hours(24 * 30);

class Historian {
 public:
  Historian(AsyncStore& store, notify::Notifier& notifier, std::function<std::int64_t()> wall_ms);

  void stop() { stopped_ = true; }  // call it before the store is destroyed
  void adopt(const config::Operations& operations) { keep_ = operations.history.keep; }

  // Never fails the call it is about: an entry that cannot be written now is written with the next
  // one.
  boost::asio::awaitable<void> record(AuditEntry entry);
  boost::asio::awaitable<Reply> audit(HistoryQuery asked);
  boost::asio::awaitable<Reply> dora(std::chrono::milliseconds window, std::string service);
  boost::asio::awaitable<Reply> notifications(std::optional<OutboxItem::State> state,
                                              std::size_t limit);

  // Called once a second. It works the figures out again every minute, or when something has ended;
  // it prunes once an hour.
  boost::asio::awaitable<void> tick();
  void written(const Change& change);
  // Returns the report of the last kDoraWindow, for the metrics; nullopt before the first tick.
  const std::optional<dora::Report>& latest() const { return latest_; }
  const notify::Notifier& notifier() const { return notifier_; }

 private:
  boost::asio::awaitable<StoreResult<dora::History>> look_back(std::chrono::milliseconds window,
                                                               std::string service);
  boost::asio::awaitable<void> refresh_dora();
  boost::asio::awaitable<void> tell_crossings(dora::Report report);
  boost::asio::awaitable<void> prune();

  AsyncStore& store_;
  notify::Notifier& notifier_;
  std::function<std::int64_t()> wall_ms_;
  std::chrono::milliseconds keep_ = config::History{}.keep;
  std::vector<AuditEntry> unsaved_;
  std::optional<dora::Report> latest_;
  std::map<std::string, std::string> alerting_;  // from a figure to "alert" or "", as stored
  bool stopped_ = false;
  std::int64_t next_dora_ms_ = 0;
  std::int64_t next_prune_ms_ = 0;
};

// Says what one rollout or decision means as a deployment; nullopt when it is not one.
std::optional<dora::Deployment> deployment_of(const RolloutRecord& record);
std::optional<dora::Deployment> deployment_of(const Decision& decision);

}  // namespace cutwater::control
