// Implements /v1/decisions, /v1/audit, /v1/dora, /v1/events and /v1/notifications: what happened,
// why, and who was told.
#include "control/admin/route.hpp"

#include <charconv>
#include <chrono>

#include "config/units.hpp"
#include "control/base/rfc3339.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

constexpr std::uint64_t kDefaultEntries = 100;
constexpr std::uint64_t kMostEntries = 1000;
constexpr std::uint64_t kMostLines = 10'000;  // per export, page by page
constexpr std::chrono::milliseconds kLongestWindow = std::chrono::hours(24 * 3650);

// Reads a whole number of the query: returns `fallback` when it is absent, nullopt when it is
// something else.
std::optional<std::uint64_t> number(const Call& call, const std::string& name,
                                    std::uint64_t fallback) {
  const auto found = call.query.find(name);
  if (found == call.query.end()) return fallback;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string text(const Call& call, const std::string& name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

Reply bad_query(std::string detail) {
  return problem(400, "bad_query", std::move(detail));
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct Page {
  HistoryQuery asked;
  bool lines = false;
};

// Reads service, after, since, limit and format of the query; a Reply says what is wrong with them.
std::variant<Page, Reply> parse_page(const Call& call) {
  Page page;
  page.asked.service = text(call, "service");
  const auto after = number(call, "after", 0);
  const auto limit = number(call, "limit", kDefaultEntries);
  if (!after || !limit || *limit == 0)
    return bad_query("'after' and 'limit' are whole numbers; limit is at least 1.");
  if (call.query.contains("after")) page.asked.after = *after;
  const std::string format = text(call, "format");
  if (format != "" && format != "json" && format != "jsonl")
    return bad_query("'format' is json or jsonl (one object per line).");
  page.lines = format == "jsonl";
  page.asked.limit = std::min(*limit, page.lines ? kMostLines : kMostEntries);
  if (const std::string since = text(call, "since"); !since.empty()) {
    const auto from = parse_since(since, now_ms());
    if (!from)
      return bad_query("'since' is a duration such as 2h, or a time such as 2026-11-23T10:00:00Z.");
    page.asked.since_ms = std::max<std::int64_t>(*from, 1);
  }
  return page;
}

// Makes the list below `member` the whole answer, one entry per line.
Reply as_lines(Reply reply, std::string_view member) {
  if (reply.status >= 400) return reply;
  boost::json::value list = std::move(reply.body.as_object()[member]);
  reply.body = std::move(list);
  reply.lines = true;
  return reply;
}

Awaitable<Reply> list_decisions(Call& call) {
  auto parsed = parse_page(call);
  if (auto* refused = std::get_if<Reply>(&parsed)) co_return std::move(*refused);
  const Page& page = std::get<Page>(parsed);
  Reply reply = co_await call.resources.history.decisions(page.asked.service, page.asked.after,
                                                          page.asked.limit, page.asked.since_ms);
  co_return page.lines ? as_lines(std::move(reply), "decisions") : std::move(reply);
}

Awaitable<Reply> list_audit(Call& call) {
  auto parsed = parse_page(call);
  if (auto* refused = std::get_if<Reply>(&parsed)) co_return std::move(*refused);
  const Page& page = std::get<Page>(parsed);
  Reply reply = co_await call.resources.history.audit(page.asked);
  co_return page.lines ? as_lines(std::move(reply), "audit") : std::move(reply);
}

Awaitable<Reply> get_dora(Call& call) {
  std::chrono::milliseconds window = std::chrono::hours(24 * 30);
  if (call.query.contains("window")) {
    const auto asked = config::parse_duration(text(call, "window"));
    if (!asked || asked->count() <= 0 || *asked > kLongestWindow)
      co_return bad_query("'window' is a duration such as 30d, 7d or 12h.");
    window = *asked;
  }
  co_return co_await call.resources.history.dora(window, text(call, "service"));
}

Awaitable<Reply> list_notifications(Call& call) {
  const auto limit = number(call, "limit", kDefaultEntries);
  if (!limit || *limit == 0) co_return bad_query("'limit' is a whole number, at least 1.");
  const std::string state = text(call, "state");
  std::optional<OutboxItem::State> wanted;
  if (state == "pending") wanted = OutboxItem::State::Pending;
  if (state == "delivered") wanted = OutboxItem::State::Delivered;
  if (state == "dead") wanted = OutboxItem::State::Dead;
  if (!wanted && !state.empty()) co_return bad_query("'state' is pending, delivered or dead.");
  co_return co_await call.resources.history.notifications(wanted, std::min(*limit, kMostEntries));
}

Awaitable<Reply> test_notify(Call& call) {
  std::string channel;
  for (const auto& [key, value] : call.body) {
    if (key != "channel" || !value.is_string())
      co_return problem(422, "invalid_body",
                        "`" + std::string(key) + "`: only a text `channel` is known here");
    channel = std::string(value.as_string());
  }
  co_return co_await call.resources.history.notify_test(std::move(channel));
}

}  // namespace

std::vector<Route> history_routes() {
  return {
      {.verb = http::verb::get,
       .pattern = "/v1/decisions",
       .summary =
           "Every shift with cause, numbers, actor, before and after; newest last. With after the "
           "first ones above that seq, without it the newest",
       .handler = list_decisions,
       .query = {"service", "after", "since", "limit", "format"},
       .schema = "Decisions"},
      {.verb = http::verb::get,
       .pattern = "/v1/audit",
       .summary =
           "Every call that changed something or tried to: who, what, the answer, before and "
           "after; newest last. Paged like /v1/decisions",
       .handler = list_audit,
       .query = {"service", "after", "since", "limit", "format"},
       .schema = "Audit"},
      {.verb = http::verb::get,
       .pattern = "/v1/dora",
       .summary = "Deployment frequency, lead time, change failure rate, time to recovery and "
                  "success rate of the window (30d), with targets and standing",
       .handler = get_dora,
       .query = {"window", "service"},
       .schema = "Dora"},
      {.verb = http::verb::get,
       .pattern = "/v1/notifications",
       .summary = "The outbox: what waits for delivery, was delivered or given up; newest first",
       .handler = list_notifications,
       .query = {"state", "limit"}},
      {.verb = http::verb::post,
       .pattern = "/v1/notify:test",
       .summary = "Send a test message to one channel or to all and say what became of it",
       .handler = test_notify,
       .access = Access::Deployer,
       .body = Body::OptionalJson,
       .request = "NotifyTestBody"},
      {.verb = http::verb::get,
       .pattern = "/v1/events",
       .summary = "Server-sent events; resumes after Last-Event-ID; heartbeat every 15 s",
       .kind = Kind::Events,
       .query = {"after"}},
  };
}

}  // namespace cutwater::control::admin
