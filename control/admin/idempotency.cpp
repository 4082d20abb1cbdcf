#include "control/admin/idempotency.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "control/base/json_text.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

constexpr std::int64_t kKeepKeysSeconds = 24 * 3600;

}  // namespace

Awaitable<IdempotentAnswer> StoredIdempotency::look_up(std::string key, std::string fingerprint) {
  using Kind = IdempotentAnswer::Kind;
  if (const auto running = in_flight_.find(key); running != in_flight_.end())
    co_return IdempotentAnswer{running->second == fingerprint ? Kind::InFlight : Kind::Mismatch,
                               {}};
  // Taken before the store is asked: the same key must not pass twice while it looks.
  in_flight_[key] = fingerprint;
  const auto found = co_await store_.find_idempotent(key, clocks_.wall_ms() / 1000);
  // An unreadable memory must not stop the work; the operation itself will say so if it matters.
  if (found.has_error() || found->empty()) co_return IdempotentAnswer{};
  in_flight_.erase(key);
  const IdempotencyRecord& record = found->front();
  if (record.fingerprint != fingerprint) co_return IdempotentAnswer{Kind::Mismatch, {}};
  IdempotentAnswer answer;
  answer.kind = Kind::Replay;
  answer.reply.status = record.status;
  answer.reply.body = json::parse(record.body);
  answer.reply.location = record.location;
  if (record.etag >= 0) answer.reply.etag = static_cast<std::uint64_t>(record.etag);
  co_return answer;
}

Awaitable<void> StoredIdempotency::keep(std::string key, std::string fingerprint, Reply reply) {
  if (reply.status < 500) {
    const std::int64_t now = clocks_.wall_ms() / 1000;
    IdempotencyRecord record{key,
                             fingerprint,
                             reply.status,
                             to_text(reply.body),
                             reply.location,
                             reply.etag ? static_cast<std::int64_t>(*reply.etag) : -1,
                             now + kKeepKeysSeconds};
    const auto written = co_await store_.remember(std::move(record), now);
    if (written.has_error())
      spdlog::warn("an idempotency key could not be kept error=\"{}\"", written.error().message);
  }
  in_flight_.erase(key);
}

}  // namespace cutwater::control
