#include "control/store/store.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "control/base/hex.hpp"
#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/store/catching_damage.hpp"
#include "control/store/schema.hpp"
#include "control/store/sqlite.hpp"
#include "control/store/state_lock.hpp"

namespace cutwater::control {

void put_meta(const Database& database, const std::string& key, const std::string& value) {
  Statement(database,
            "INSERT INTO meta VALUES(?,?,?) ON CONFLICT(key) DO UPDATE SET "
            "value=excluded.value, sum=excluded.sum")
      .bind(1, key)
      .bind(2, value)
      .bind(3, row_sum({key, value}))
      .run();
}

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string get_meta(const Database& database, const std::string& key) {
  Statement query(database, "SELECT value, sum FROM meta WHERE key=?");
  query.bind(1, key);
  if (!query.step()) throw Damage("meta row `" + key + "` is missing");
  std::string value = query.text(0);
  if (query.integer(1) != row_sum({key, value}))
    throw Damage("meta row `" + key + "` is damaged (checksum)");
  return value;
}

// A complete file appears under its name or none does: a crash at first start leaves no
// half-written database that would later look like a damaged one.
void create_file(const std::string& path) {
  const std::string draft = path + ".new";
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) fs::remove(draft + suffix);
  {
    Database database(draft, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    database.exec("PRAGMA synchronous=FULL");
    Transaction transaction(database);
    database.exec(kSchema);
    database.exec(kSchema2);
    database.exec(kSchema3);
    std::array<std::uint8_t, 32> key;
    if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1)
      throw SqliteError(SQLITE_IOERR, "no random numbers for the cookie key");
    put_meta(database, "schema", std::to_string(kSchemaVersion));
    put_meta(database, "cookie_key", hex(key));
    transaction.commit();
  }
  fs::permissions(draft, fs::perms::owner_read | fs::perms::owner_write);
  fs::rename(draft, path);
  const int dir = open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    fsync(dir);
    close(dir);
  }
}

std::string check_schema(const Database& database) {
  Statement check(database, "PRAGMA quick_check(1)");
  if (!check.step() || check.text(0) != "ok") throw Damage("quick_check: " + check.text(0));
  const std::string schema = get_meta(database, "schema");
  if (schema != "1" && schema != "2" && schema != std::to_string(kSchemaVersion))
    throw Damage("it has schema " + schema + ", this cutwater knows up to " +
                 std::to_string(kSchemaVersion) + "; use the version that wrote it, or newer");
  return schema;
}

// A file that an older version wrote gets the tables it does not have; all of them or none.
void upgrade(Database& database, const std::string& from) {
  Transaction transaction(database);
  if (from == "1") database.exec(kSchema2);
  database.exec(kSchema3);
  put_meta(database, "schema", std::to_string(kSchemaVersion));
  transaction.commit();
}

json::object decision_body(const Decision& decision) {
  return {{"time", decision.time},       {"service", decision.service},
          {"rollout", decision.rollout}, {"action", decision.action},
          {"cause", decision.cause},     {"actor", decision.actor},
          {"reason", decision.reason},   {"evidence", decision.evidence},
          {"before", decision.before},   {"after", decision.after}};
}

Decision decision_from(std::uint64_t seq, const std::string& text) {
  const json::object body = json::parse(text).as_object();
  Decision out;
  out.seq = seq;
  out.time = text_at(body, "time");
  out.service = text_at(body, "service");
  out.rollout = text_at(body, "rollout");
  out.action = text_at(body, "action");
  out.cause = text_at(body, "cause");
  out.actor = text_at(body, "actor");
  out.reason = text_at(body, "reason");
  out.evidence = body.at("evidence").as_object();
  out.before = body.at("before").as_object();
  out.after = body.at("after").as_object();
  return out;
}

void write(const Database& database, const ServiceState& state) {
  const std::string text = to_text(to_json(state));
  Statement(database,
            "INSERT INTO services VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET "
            "state=excluded.state, sum=excluded.sum")
      .bind(1, state.name)
      .bind(2, text)
      .bind(3, row_sum({state.name, text}))
      .run();
}

void write(const Database& database, const RolloutRecord& record) {
  const std::string text = to_text(record.state);
  const std::int64_t active = record.active ? 1 : 0;
  const auto* started = record.state.if_contains("started_ms");
  const std::int64_t order = started != nullptr && started->is_int64() ? started->as_int64() : 0;
  Statement(database,
            "INSERT INTO rollouts VALUES(?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET "
            "active=excluded.active, state=excluded.state, sum=excluded.sum")
      .bind(1, record.id)
      .bind(2, record.service)
      .bind(3, active)
      .bind(4, order)
      .bind(5, text)
      .bind(6, row_sum({record.id, record.service, as_text(active), text}))
      .run();
}

std::uint64_t append(const Database& database, const Decision& decision) {
  const std::string body = to_text(decision_body(decision));
  Statement(database, "INSERT INTO decisions(service, body, sum) VALUES(?,?,?)")
      .bind(1, decision.service)
      .bind(2, body)
      .bind(3, row_sum({decision.service, body}))
      .run();
  return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(database.handle()));
}

std::vector<ServiceState> load_services(const Database& database) {
  std::vector<ServiceState> out;
  Statement query(database, "SELECT name, state, sum FROM services");
  while (query.step()) {
    const std::string name = query.text(0);
    const std::string text = query.text(1);
    if (query.integer(2) != row_sum({name, text}))
      throw Damage("the state of service `" + name + "` is damaged (checksum)");
    boost::system::error_code error;
    auto state = service_state_from_json(json::parse(text, error));
    if (error || !state) throw Damage("the state of service `" + name + "` cannot be read");
    out.push_back(std::move(*state));
  }
  return out;
}

std::vector<RolloutRecord> load_rollouts(const Database& database) {
  std::vector<RolloutRecord> out;
  Statement query(database,
                  "SELECT id, service, active, state, sum FROM (SELECT *, row_number() OVER "
                  "(PARTITION BY service ORDER BY started DESC) AS n FROM rollouts) "
                  "WHERE active=1 OR n<=? ORDER BY started");
  query.bind(1, static_cast<std::int64_t>(kRolloutsInMemory));
  while (query.step()) {
    RolloutRecord record{query.text(0), query.text(1), query.integer(2) == 1, {}};
    const std::string text = query.text(3);
    if (query.integer(4) != row_sum({record.id, record.service, as_text(query.integer(2)), text}))
      throw Damage("rollout `" + record.id + "` is damaged (checksum)");
    boost::system::error_code error;
    json::value state = json::parse(text, error);
    if (error || !state.is_object()) throw Damage("rollout `" + record.id + "` cannot be read");
    record.state = std::move(state.as_object());
    out.push_back(std::move(record));
  }
  return out;
}

}  // namespace

void throw_exception_from_error(const StoreError& error, const boost::source_location&) {
  throw std::logic_error("value() on a store error: " + error.message);
}

Store::Store(std::unique_ptr<StateLock> lock, std::unique_ptr<Database> database)
    : lock_(std::move(lock)), database_(std::move(database)) {}
Store::~Store() = default;

StoreResult<std::unique_ptr<Store>> Store::open(const std::string& state_dir) {
  StateLock::Failure failure{};
  std::string message;
  auto lock = StateLock::acquire(state_dir, failure, message);
  if (!lock) {
    const auto kind = failure == StateLock::Failure::HeldByOther ? StoreError::Kind::Locked
                                                                 : StoreError::Kind::Directory;
    return StoreError{kind, message};
  }
  const std::string path = state_dir + "/state.db";
  auto opened = catching_damage("state database " + path, [&]() -> std::unique_ptr<Store> {
    std::error_code error;
    if (!fs::exists(path, error)) {
      if (fs::exists(path + "-wal", error))
        throw Damage("the file is gone but its log " + path + "-wal is there");
      create_file(path);
    } else if (fs::file_size(path, error) == 0) {
      throw Damage("the file is empty");  // SQLite would consider it a new one
    }
    auto database = std::make_unique<Database>(path, SQLITE_OPEN_READWRITE);
    database->exec("PRAGMA busy_timeout=5000");  // another process may be a backup tool
    const std::string schema = check_schema(*database);
    database->exec("PRAGMA journal_mode=WAL");
    database->exec("PRAGMA synchronous=FULL");
    std::unique_ptr<Store> store(new Store(std::move(lock), std::move(database)));
    store->load();  // before an upgrade: a file that cannot be read stays as it was
    if (schema != std::to_string(kSchemaVersion)) upgrade(*store->database_, schema);
    return store;
  });
  if (opened.has_value()) return opened;
  StoreError error = opened.error();
  if (error.kind == StoreError::Kind::Unavailable || error.kind == StoreError::Kind::Full)
    error.kind = StoreError::Kind::Directory;
  if (error.kind == StoreError::Kind::Corrupt)
    error.message += ". Nothing was changed; restore " + path +
                     " from a backup, or move it away to start from the configuration file";
  return error;
}

void Store::load() {
  const std::string key = get_meta(*database_, "cookie_key");
  if (key.size() != 2 * loaded_.cookie_key.size()) throw Damage("the cookie key is damaged");
  for (std::size_t i = 0; i < loaded_.cookie_key.size(); ++i)
    loaded_.cookie_key[i] =
        static_cast<std::uint8_t>(std::stoul(key.substr(2 * i, 2), nullptr, 16));
  loaded_.services = load_services(*database_);
  loaded_.rollouts = load_rollouts(*database_);
  // Finds a read-only file system now, not in the middle of an incident. A full disk does not
  // prevent serving: what is stored can be read, and writes will say 507.
  try {
    Transaction transaction(*database_);
    put_meta(*database_, "last_opened_by", CUTWATER_VERSION);
    transaction.commit();
  } catch (const SqliteError& error) {
    if (error.code() != SQLITE_FULL) throw;
  }
}

StoreResult<std::vector<std::uint64_t>> Store::commit(const Change& change) {
  return catching_damage("writing state", [&] {
    std::vector<std::uint64_t> seqs;
    Transaction transaction(*database_);
    std::vector<Decision> stored = change.decisions;
    for (Decision& decision : stored) seqs.push_back(decision.seq = append(*database_, decision));
    for (ServiceState state : change.services) {
      for (auto& [version, withdrawal] : state.withdrawals)
        number_withdrawal(withdrawal, state.name, stored);
      write(*database_, state);
    }
    for (RolloutRecord record : change.rollouts) {
      if (record.taken_back) {
        number_withdrawal(*record.taken_back, record.service, stored);
        record.state["taken_back"] = to_json(*record.taken_back);
      }
      write(*database_, record);
    }
    for (const OutboxItem& item : change.outbox) append_outbox(*database_, item, seqs);
    transaction.commit();
    return seqs;
  });
}

StoreResult<std::vector<Decision>> Store::decisions(const std::string& service,
                                                    std::optional<std::uint64_t> after,
                                                    std::size_t limit, std::int64_t since_ms) {
  return catching_damage("reading history", [&] {
    const char* sql =
        after ? "SELECT seq, service, body, sum FROM decisions WHERE seq>?1 AND (?2='' OR "
                "service=?2) AND (?4='' OR json_extract(body,'$.time')>=?4) ORDER BY seq LIMIT ?3"
              : "SELECT * FROM (SELECT seq, service, body, sum FROM decisions WHERE seq>?1 AND "
                "(?2='' OR service=?2) AND (?4='' OR json_extract(body,'$.time')>=?4) "
                "ORDER BY seq DESC LIMIT ?3) ORDER BY seq";
    Statement query(*database_, sql);
    query.bind(1, static_cast<std::int64_t>(after.value_or(0)))
        .bind(2, service)
        .bind(3, static_cast<std::int64_t>(limit))
        .bind(4, since_ms == 0 ? std::string() : time_text(since_ms));
    std::vector<Decision> out;
    while (query.step()) {
      const std::string body = query.text(2);
      if (query.integer(3) != row_sum({query.text(1), body}))
        throw Damage("decision " + as_text(query.integer(0)) + " is damaged (checksum)");
      out.push_back(decision_from(static_cast<std::uint64_t>(query.integer(0)), body));
    }
    return out;
  });
}

StoreResult<std::vector<IdempotencyRecord>> Store::find_idempotent(const std::string& key,
                                                                   std::int64_t now_unix_s) {
  return catching_damage("reading idempotency keys", [&] {
    Statement query(*database_,
                    "SELECT key, fingerprint, status, body, location, etag, expires, sum "
                    "FROM idempotency WHERE key=? AND expires>?");
    query.bind(1, key).bind(2, now_unix_s);
    std::vector<IdempotencyRecord> out;
    if (query.step()) {
      IdempotencyRecord record{query.text(0),   query.text(1), static_cast<int>(query.integer(2)),
                               query.text(3),   query.text(4), query.integer(5),
                               query.integer(6)};
      if (query.integer(7) != row_sum({record.key, record.fingerprint, as_text(record.status),
                                       record.body, record.location, as_text(record.etag)}))
        throw Damage("an idempotency key is damaged (checksum)");
      out.push_back(std::move(record));
    }
    return out;
  });
}

StoreResult<bool> Store::remember(const IdempotencyRecord& record, std::int64_t now_unix_s) {
  return catching_damage("writing an idempotency key", [&] {
    Transaction transaction(*database_);
    Statement(*database_, "DELETE FROM idempotency WHERE expires<=?").bind(1, now_unix_s).run();
    Statement(*database_, "INSERT OR REPLACE INTO idempotency VALUES(?,?,?,?,?,?,?,?)")
        .bind(1, record.key)
        .bind(2, record.fingerprint)
        .bind(3, record.status)
        .bind(4, record.body)
        .bind(5, record.location)
        .bind(6, record.etag)
        .bind(7, record.expires_unix_s)
        .bind(8, row_sum({record.key, record.fingerprint, as_text(record.status), record.body,
                          record.location, as_text(record.etag)}))
        .run();
    transaction.commit();
    return true;
  });
}

void Store::limit_pages_for_test(std::int64_t pages) {
  database_->exec(("PRAGMA max_page_count=" + std::to_string(pages)).c_str());
}

}  // namespace cutwater::control
