// Stores the record of a rollout's traffic: ticks in rows of some seconds each.
#include "control/store/store.hpp"

#include "control/base/json_text.hpp"
#include "control/store/catching_damage.hpp"
#include "control/store/schema.hpp"

namespace cutwater::control {
namespace {

constexpr std::size_t kTicksInRow = 64;

void insert_ticks(const Database& database, const std::string& rollout, const Traffic& ticks) {
  const std::string body = to_text(to_json(ticks));
  Statement(database,
            "INSERT INTO traffic SELECT ?1, COALESCE(MAX(seq),0)+1, ?2, ?3, ?4 FROM traffic "
            "WHERE rollout=?1")
      .bind(1, rollout)
      .bind(2, static_cast<std::int64_t>(ticks.size()))
      .bind(3, body)
      .bind(4, row_sum({rollout, as_text(static_cast<std::int64_t>(ticks.size())), body}))
      .run();
}

Traffic read_ticks(const Database& database, const std::string& rollout) {
  Traffic out;
  Statement query(database, "SELECT ticks, body, sum FROM traffic WHERE rollout=? ORDER BY seq");
  query.bind(1, rollout);
  while (query.step()) {
    const std::string body = query.text(1);
    if (query.integer(2) != row_sum({rollout, as_text(query.integer(0)), body}))
      throw Damage("the recorded traffic of rollout `" + rollout + "` is damaged (checksum)");
    boost::system::error_code error;
    auto ticks = traffic_from_json(boost::json::parse(body, error));
    if (error || !ticks)
      throw Damage("the recorded traffic of rollout `" + rollout + "` cannot be read");
    out.insert(out.end(), ticks->begin(), ticks->end());
  }
  return out;
}

// Writes all rows again, with longer ticks.
void shorten(const Database& database, const std::string& rollout) {
  Traffic all = read_ticks(database, rollout);
  coalesce(all, kMostTicks);
  Statement(database, "DELETE FROM traffic WHERE rollout=?").bind(1, rollout).run();
  for (std::size_t i = 0; i < all.size(); i += kTicksInRow) {
    const auto first = all.begin() + static_cast<long>(i);
    const auto count = std::min(kTicksInRow, all.size() - i);
    insert_ticks(database, rollout, Traffic(first, first + static_cast<long>(count)));
  }
}

}  // namespace

StoreResult<bool> Store::append_traffic(const std::string& rollout, const Traffic& ticks) {
  return catching_damage("writing the record of a rollout", [&] {
    Transaction transaction(*database_);
    insert_ticks(*database_, rollout, ticks);
    Statement count(*database_, "SELECT SUM(ticks) FROM traffic WHERE rollout=?");
    count.bind(1, rollout);
    if (count.step() && count.integer(0) > static_cast<std::int64_t>(kMostTicks))
      shorten(*database_, rollout);
    transaction.commit();
    return true;
  });
}

StoreResult<Traffic> Store::traffic(const std::string& rollout) {
  return catching_damage("reading the record of a rollout",
                         [&] { return read_ticks(*database_, rollout); });
}

// Forgets the traffic of rollouts that nobody can ask for any more: forgotten rollouts, and
// rollouts older than those in memory.
void forget_traffic(const Database& database) {
  Statement(database,
            "DELETE FROM traffic WHERE rollout NOT IN (SELECT id FROM (SELECT id, active, "
            "row_number() OVER (PARTITION BY service ORDER BY started DESC) AS n FROM rollouts) "
            "WHERE active=1 OR n<=?)")
      .bind(1, static_cast<std::int64_t>(kRolloutsInMemory))
      .run();
}

}  // namespace cutwater::control
