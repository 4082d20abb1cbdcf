// Holds the durable state: steering of every service, rollouts, decisions, idempotency keys, in one
// SQLite file (WAL, synchronous=FULL) below the state directory, which is locked against a second
// process. It lives from start to exit; after open() only the store thread uses it (see
// async_store.hpp). What it returns as written is on disk. It never repairs or guesses: data that
// fails a check is refused with a message for a person.
#pragma once

#include <array>
#include <boost/system/result.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/store/records.hpp"
#include "control/store/traffic_record.hpp"

namespace cutwater::control {

struct StoreError {
  enum class Kind {
    Full,         // no space left (also quotas): free some space and write again
    Unavailable,  // I/O error, read-only file system
    Directory,    // cannot be created, read or written (at open)
    Locked,       // another process holds the directory (at open)
    Corrupt,      // damaged, or written by a newer version
  };
  Kind kind = Kind::Unavailable;
  std::string message;
};
[[noreturn]] void throw_exception_from_error(const StoreError& error,
                                             const boost::source_location&);

template <typename T>
using StoreResult = boost::system::result<T, StoreError>;

inline constexpr int kSchemaVersion = 3;
// This many finished rollouts per service are kept in memory; all stay in the file.
inline constexpr std::size_t kRolloutsInMemory = 50;

// Holds everything that is kept in memory while running.
struct Loaded {
  std::array<std::uint8_t, 32> cookie_key{};  // random, made at first start
  std::vector<ServiceState> services;
  std::vector<RolloutRecord> rollouts;  // oldest first
};

class StateLock;
class Database;

class Store {
 public:
  // Creates the directory and the file at first start.
  static StoreResult<std::unique_ptr<Store>> open(const std::string& state_dir);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const Loaded& loaded() const { return loaded_; }

  // Commits all or nothing, durable on success. Returns the seq of each decision.
  StoreResult<std::vector<std::uint64_t>> commit(const Change& change);

  // Returns the first `limit` with seq > after (0: from the beginning); without `after` the newest
  // `limit`. The newest comes last. An empty `service` means all services.
  StoreResult<std::vector<Decision>> decisions(const std::string& service,
                                               std::optional<std::uint64_t> after,
                                               std::size_t limit, std::int64_t since_ms = 0);

  // --- store_outbox.cpp -------------------------------------------------------------------------
  StoreResult<OutboxHead> outbox_head(const std::string& channel, std::int64_t now_ms);
  StoreResult<bool> outbox_update(const OutboxItem& item);  // how it went
  // Gives up everything that waits for a channel that no longer exists.
  StoreResult<bool> outbox_give_up(const std::string& channel, const std::string& why,
                                   std::int64_t now_ms);
  StoreResult<std::vector<OpenTopic>> open_topics();
  StoreResult<std::map<std::string, std::uint64_t>> outbox_pending();  // by channel
  StoreResult<std::vector<OutboxItem>> outbox(std::optional<OutboxItem::State> state,
                                              std::size_t limit);  // newest first

  // --- store_history.cpp ------------------------------------------------------------------------
  StoreResult<bool> append_audit(const std::vector<AuditEntry>& entries);
  StoreResult<std::vector<AuditEntry>> audit(const HistoryQuery& asked);
  StoreResult<std::vector<RolloutRecord>> rollouts_since(std::int64_t started_ms);
  // Returns a word that is remembered over restarts, with what is told because of it; "" when there
  // is none.
  StoreResult<std::string> note(const std::string& key);
  StoreResult<bool> put_note(const std::string& key, const std::string& value,
                             const std::vector<OutboxItem>& told);
  struct Horizon {
    std::int64_t before_ms = 0;
    std::string before_text;  // the same as RFC 3339
    std::int64_t outbox_before_ms = 0;
  };
  // Forgets what is older, or a part of it when there is much. Active rollouts and messages that
  // still wait for delivery stay.
  StoreResult<bool> prune(const Horizon& horizon);

  // --- store_traffic.cpp ------------------------------------------------------------------------
  // Appends to the record of one rollout; at most kMostTicks are kept.
  StoreResult<bool> append_traffic(const std::string& rollout, const Traffic& ticks);
  StoreResult<Traffic> traffic(const std::string& rollout);

  StoreResult<std::vector<IdempotencyRecord>> find_idempotent(const std::string& key,
                                                              std::int64_t now_unix_s);
  // Also drops the records that have expired.
  StoreResult<bool> remember(const IdempotencyRecord& record, std::int64_t now_unix_s);

  // Simulates a full disk without filling one: SQLite may use this many pages, then says
  // SQLITE_FULL.
  void limit_pages_for_test(std::int64_t pages);

 private:
  Store(std::unique_ptr<StateLock> lock, std::unique_ptr<Database> database);
  void load();

  std::unique_ptr<StateLock> lock_;
  std::unique_ptr<Database> database_;
  Loaded loaded_;
};

}  // namespace cutwater::control
