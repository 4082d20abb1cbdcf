// Implements history: reading decisions and audit, and forgetting what is older than the time to
// keep.
#include "control/store/store.hpp"

#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/store/catching_damage.hpp"
#include "control/store/schema.hpp"

namespace cutwater::control {
namespace {

namespace json = boost::json;

// One prune looks at this many rows, because it runs between the writes of people.
constexpr std::int64_t kPrunedAtOnce = 1000;

json::object audit_body(const AuditEntry& entry) {
  return {{"actor", entry.actor},     {"role", entry.role},     {"method", entry.method},
          {"path", entry.path},       {"status", entry.status}, {"request_id", entry.request_id},
          {"service", entry.service}, {"before", entry.before}, {"after", entry.after}};
}

AuditEntry audit_from(const json::object& body) {
  AuditEntry out;
  out.actor = text_at(body, "actor");
  out.role = text_at(body, "role");
  out.method = text_at(body, "method");
  out.path = text_at(body, "path");
  out.status = static_cast<int>(body.at("status").as_int64());
  out.request_id = text_at(body, "request_id");
  out.service = text_at(body, "service");
  out.before = body.at("before");
  out.after = body.at("after");
  return out;
}

json::object parse_body(const std::string& text, const std::string& what) {
  boost::system::error_code error;
  json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) throw Damage(what + " cannot be read");
  return std::move(parsed.as_object());
}

}  // namespace

StoreResult<bool> Store::append_audit(const std::vector<AuditEntry>& entries) {
  return catching_damage("writing the audit log", [&] {
    Transaction transaction(*database_);
    for (const AuditEntry& entry : entries) {
      const std::string body = to_text(audit_body(entry));
      Statement(*database_, "INSERT INTO audit(time, service, body, sum) VALUES(?,?,?,?)")
          .bind(1, entry.time_ms)
          .bind(2, entry.service)
          .bind(3, body)
          .bind(4, row_sum({as_text(entry.time_ms), entry.service, body}))
          .run();
    }
    transaction.commit();
    return true;
  });
}

StoreResult<std::vector<AuditEntry>> Store::audit(const HistoryQuery& asked) {
  return catching_damage("reading the audit log", [&] {
    const char* sql =
        asked.after ? "SELECT seq, time, service, body, sum FROM audit WHERE seq>?1 AND "
                      "(?2='' OR service=?2) AND time>=?4 ORDER BY seq LIMIT ?3"
                    : "SELECT * FROM (SELECT seq, time, service, body, sum FROM audit WHERE "
                      "seq>?1 AND (?2='' OR service=?2) AND time>=?4 ORDER BY seq DESC LIMIT ?3) "
                      "ORDER BY seq";
    Statement query(*database_, sql);
    query.bind(1, static_cast<std::int64_t>(asked.after.value_or(0)))
        .bind(2, asked.service)
        .bind(3, static_cast<std::int64_t>(asked.limit))
        .bind(4, asked.since_ms);
    std::vector<AuditEntry> out;
    while (query.step()) {
      const std::string row = "audit row " + as_text(query.integer(0));
      const std::string body = query.text(3);
      if (query.integer(4) != row_sum({as_text(query.integer(1)), query.text(2), body}))
        throw Damage(row + " is damaged (checksum)");
      AuditEntry entry = audit_from(parse_body(body, row));
      entry.seq = static_cast<std::uint64_t>(query.integer(0));
      entry.time_ms = query.integer(1);
      out.push_back(std::move(entry));
    }
    return out;
  });
}

StoreResult<std::vector<RolloutRecord>> Store::rollouts_since(std::int64_t started_ms) {
  return catching_damage("reading rollouts", [&] {
    Statement query(*database_,
                    "SELECT id, service, active, state, sum FROM rollouts WHERE started>=? "
                    "ORDER BY started");
    query.bind(1, started_ms);
    std::vector<RolloutRecord> out;
    while (query.step()) {
      RolloutRecord record{query.text(0), query.text(1), query.integer(2) == 1, {}};
      const std::string text = query.text(3);
      if (query.integer(4) != row_sum({record.id, record.service, as_text(query.integer(2)), text}))
        throw Damage("rollout `" + record.id + "` is damaged (checksum)");
      record.state = parse_body(text, "rollout `" + record.id + "`");
      out.push_back(std::move(record));
    }
    return out;
  });
}

StoreResult<std::string> Store::note(const std::string& key) {
  return catching_damage("reading a note", [&]() -> std::string {
    Statement query(*database_, "SELECT value, sum FROM meta WHERE key=?");
    query.bind(1, "note/" + key);
    if (!query.step()) return {};
    const std::string value = query.text(0);
    if (query.integer(1) != row_sum({"note/" + key, value}))
      throw Damage("note `" + key + "` is damaged (checksum)");
    return value;
  });
}

StoreResult<bool> Store::put_note(const std::string& key, const std::string& value,
                                  const std::vector<OutboxItem>& told) {
  return catching_damage("writing a note", [&] {
    Transaction transaction(*database_);
    put_meta(*database_, "note/" + key, value);
    for (const OutboxItem& item : told) append_outbox(*database_, item, {});
    transaction.commit();
    return true;
  });
}

StoreResult<bool> Store::prune(const Horizon& horizon) {
  return catching_damage("forgetting old history", [&] {
    Transaction transaction(*database_);
    Statement(*database_,
              "DELETE FROM decisions WHERE seq IN (SELECT seq FROM decisions ORDER BY seq LIMIT "
              "?1) AND json_extract(body,'$.time')<?2")
        .bind(1, kPrunedAtOnce)
        .bind(2, horizon.before_text)
        .run();
    Statement(*database_,
              "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT ?1) AND "
              "time<?2")
        .bind(1, kPrunedAtOnce)
        .bind(2, horizon.before_ms)
        .run();
    Statement(*database_, "DELETE FROM rollouts WHERE active=0 AND started<?")
        .bind(1, horizon.before_ms)
        .run();
    forget_traffic(*database_);
    Statement(*database_, "DELETE FROM outbox WHERE state<>0 AND finished<?")
        .bind(1, horizon.outbox_before_ms)
        .run();
    transaction.commit();
    return true;
  });
}

}  // namespace cutwater::control
