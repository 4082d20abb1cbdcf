// Implements the outbox: messages that wait for delivery, and what became of them.
#include "control/store/store.hpp"

#include "control/base/json_text.hpp"
#include "control/store/catching_damage.hpp"
#include "control/store/schema.hpp"

namespace cutwater::control {
namespace {

namespace json = boost::json;
using State = OutboxItem::State;

// The parts are appended, not added with +, because GCC 12 sees a false overflow there.
std::string select_items(std::string_view where) {
  std::string sql =
      "SELECT id, channel, event_id, topic, operation, event, created, not_before, expires, state, "
      "next, attempts, error, receipt, finished, sum FROM outbox ";
  sql += where;
  return sql;
}

std::int64_t sum_of(const OutboxItem& item, const std::string& event) {
  return row_sum({item.channel, item.event_id, item.topic,
                  as_text(static_cast<std::int64_t>(item.operation)), event,
                  as_text(item.created_ms), as_text(item.not_before_ms), as_text(item.expires_ms)});
}

OutboxItem read_item(const Statement& row) {
  OutboxItem item;
  item.id = row.integer(0);
  item.channel = row.text(1);
  item.event_id = row.text(2);
  item.topic = row.text(3);
  item.operation = static_cast<OutboxItem::Operation>(row.integer(4));
  const std::string event = row.text(5);
  item.created_ms = row.integer(6);
  item.not_before_ms = row.integer(7);
  item.expires_ms = row.integer(8);
  item.state = static_cast<State>(row.integer(9));
  item.next_ms = row.integer(10);
  item.attempts = static_cast<int>(row.integer(11));
  item.error = row.text(12);
  item.receipt = row.text(13);
  item.finished_ms = row.integer(14);
  if (row.integer(15) != sum_of(item, event))
    throw Damage("outbox row " + as_text(item.id) + " is damaged (checksum)");
  boost::system::error_code error;
  const json::value parsed = json::parse(event, error);
  if (error || !parsed.is_object())
    throw Damage("outbox row " + as_text(item.id) + " cannot be read");
  item.event = parsed.as_object();
  return item;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::Pending:
      return "pending";
    case State::Delivered:
      return "delivered";
    case State::Dead:
      break;
  }
  return "dead";
}

void append_outbox(const Database& database, OutboxItem item,
                   const std::vector<std::uint64_t>& decision_seqs) {
  if (item.decision) {
    const std::uint64_t seq = decision_seqs.at(*item.decision);
    item.event["seq"] = seq;
    static constexpr std::string_view kPlace = "{seq}";
    if (const auto at = item.event_id.find(kPlace); at != std::string::npos)
      item.event_id.replace(at, kPlace.size(), std::to_string(seq));
  }
  const std::string event = to_text(item.event);
  Statement(database,
            "INSERT OR IGNORE INTO outbox(channel, event_id, topic, operation, event, created, "
            "not_before, expires, state, next, attempts, error, receipt, finished, sum) "
            "VALUES(?,?,?,?,?,?,?,?,0,?7,0,'','',0,?9)")
      .bind(1, item.channel)
      .bind(2, item.event_id)
      .bind(3, item.topic)
      .bind(4, static_cast<std::int64_t>(item.operation))
      .bind(5, event)
      .bind(6, item.created_ms)
      .bind(7, item.not_before_ms)
      .bind(8, item.expires_ms)
      .bind(9, sum_of(item, event))
      .run();
}

StoreResult<OutboxHead> Store::outbox_head(const std::string& channel, std::int64_t now_ms) {
  return catching_damage("reading notifications", [&] {
    OutboxHead head;
    Statement oldest(
        *database_,
        select_items("WHERE channel=? AND state=0 AND not_before<=? ORDER BY id LIMIT 1"));
    oldest.bind(1, channel).bind(2, now_ms);
    if (oldest.step()) {
      head.item = read_item(oldest);
      Statement first(*database_,
                      "SELECT receipt FROM outbox WHERE channel=? AND topic=? AND receipt<>'' "
                      "ORDER BY id LIMIT 1");
      first.bind(1, channel).bind(2, head.item->topic);
      if (first.step()) head.thread = first.text(0);
      return head;
    }
    Statement later(*database_,
                    "SELECT COALESCE(MIN(not_before),0) FROM outbox WHERE channel=? AND state=0");
    later.bind(1, channel);
    if (later.step()) head.wake_ms = later.integer(0);
    return head;
  });
}

StoreResult<bool> Store::outbox_update(const OutboxItem& item) {
  return catching_damage("writing a notification", [&] {
    Statement(*database_,
              "UPDATE outbox SET state=?, next=?, attempts=?, error=?, receipt=?, finished=? "
              "WHERE id=?")
        .bind(1, static_cast<std::int64_t>(item.state))
        .bind(2, item.next_ms)
        .bind(3, static_cast<std::int64_t>(item.attempts))
        .bind(4, item.error)
        .bind(5, item.receipt)
        .bind(6, item.finished_ms)
        .bind(7, item.id)
        .run();
    return true;
  });
}

StoreResult<bool> Store::outbox_give_up(const std::string& channel, const std::string& why,
                                        std::int64_t now_ms) {
  return catching_damage("writing notifications", [&] {
    Statement(*database_,
              "UPDATE outbox SET state=2, error=?, finished=? WHERE channel=? AND state=0")
        .bind(1, why)
        .bind(2, now_ms)
        .bind(3, channel)
        .run();
    return true;
  });
}

StoreResult<std::vector<OpenTopic>> Store::open_topics() {
  return catching_damage("reading notifications", [&] {
    Statement query(*database_,
                    "SELECT channel, topic FROM outbox AS o WHERE operation=1 AND NOT EXISTS("
                    "SELECT 1 FROM outbox WHERE channel=o.channel AND topic=o.topic AND "
                    "operation=2 AND id>o.id) GROUP BY channel, topic");
    std::vector<OpenTopic> out;
    while (query.step()) out.push_back({query.text(0), query.text(1)});
    return out;
  });
}

StoreResult<std::map<std::string, std::uint64_t>> Store::outbox_pending() {
  return catching_damage("reading notifications", [&] {
    Statement query(*database_,
                    "SELECT channel, COUNT(*) FROM outbox WHERE state=0 GROUP BY channel");
    std::map<std::string, std::uint64_t> out;
    while (query.step()) out[query.text(0)] = static_cast<std::uint64_t>(query.integer(1));
    return out;
  });
}

StoreResult<std::vector<OutboxItem>> Store::outbox(std::optional<State> state, std::size_t limit) {
  return catching_damage("reading notifications", [&] {
    Statement query(*database_, select_items("WHERE ?1<0 OR state=?1 ORDER BY id DESC LIMIT ?2"));
    query.bind(1, state ? static_cast<std::int64_t>(*state) : -1)
        .bind(2, static_cast<std::int64_t>(limit));
    std::vector<OutboxItem> out;
    while (query.step()) out.push_back(read_item(query));
    return out;
  });
}

}  // namespace cutwater::control
