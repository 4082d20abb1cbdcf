// Defines the tables and the checksum of their rows. It is internal to control/store/.
#pragma once

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL  // header-only: nothing to link
#endif
#include <xxhash.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "control/store/history_records.hpp"
#include "control/store/sqlite.hpp"

namespace cutwater::control {

// With WITHOUT ROWID the table is its only b-tree, so quick_check sees everything that a key
// look-up uses.
inline constexpr const char* kSchema = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE services(name TEXT PRIMARY KEY, state TEXT NOT NULL, sum INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE rollouts(id TEXT PRIMARY KEY, service TEXT NOT NULL, active INTEGER NOT NULL,
  started INTEGER NOT NULL, state TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE decisions(seq INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL,
  body TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE idempotency(key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
  body TEXT NOT NULL, location TEXT NOT NULL, etag INTEGER NOT NULL, expires INTEGER NOT NULL,
  sum INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// Schema 2 added messages to be delivered, and the audit log.
inline constexpr const char* kSchema2 = R"sql(
CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL,
  event_id TEXT NOT NULL, topic TEXT NOT NULL, operation INTEGER NOT NULL, event TEXT NOT NULL,
  created INTEGER NOT NULL, not_before INTEGER NOT NULL, expires INTEGER NOT NULL,
  state INTEGER NOT NULL, next INTEGER NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL,
  receipt TEXT NOT NULL, finished INTEGER NOT NULL, sum INTEGER NOT NULL,
  UNIQUE(channel, event_id));
CREATE INDEX outbox_pending ON outbox(channel, id) WHERE state=0;
CREATE INDEX outbox_topics ON outbox(channel, topic, id);
CREATE TABLE audit(seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,
  service TEXT NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL);
)sql";

// Schema 3 added what the versions of a rollout did, some ticks in each row.
inline constexpr const char* kSchema3 = R"sql(
CREATE TABLE traffic(rollout TEXT NOT NULL, seq INTEGER NOT NULL, ticks INTEGER NOT NULL,
  body TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY(rollout, seq)) WITHOUT ROWID;
)sql";

// SQLite's b-tree checks do not see a flipped bit inside a value; this checksum does. Its parts are
// separated by their lengths, so that they cannot slide into each other.
inline std::int64_t row_sum(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) {
    all += std::to_string(part.size());
    all += ':';
    all += part;
  }
  return static_cast<std::int64_t>(XXH3_64bits(all.data(), all.size()));
}

// These run inside a transaction of the caller's (store.cpp, store_outbox.cpp, store_traffic.cpp).
void put_meta(const Database& database, const std::string& key, const std::string& value);
void append_outbox(const Database& database, OutboxItem item,
                   const std::vector<std::uint64_t>& decision_seqs);
void forget_traffic(const Database& database);

inline std::string as_text(std::int64_t value) {
  return std::to_string(value);
}

}  // namespace cutwater::control
