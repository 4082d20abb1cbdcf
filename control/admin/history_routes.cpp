// /v1/decisions and /v1/events: what happened and why.
#include <charconv>

#include "control/admin/route.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

constexpr std::uint64_t kDefaultDecisions = 100;
constexpr std::uint64_t kMostDecisions = 1000;

// A whole number of the query, `fallback` when absent, nullopt when it is something else.
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

Awaitable<Reply> list_decisions(Call& call) {
  std::optional<std::uint64_t> after = number(call, "after", 0);
  const auto limit = number(call, "limit", kDefaultDecisions);
  if (!after || !limit || *limit == 0) {
    co_return problem(400, "bad_query",
                      "'after' and 'limit' are whole numbers; limit is at "
                      "least 1.");
  }
  if (!call.query.contains("after")) after.reset();  // the newest
  const auto service = call.query.find("service");
  std::string name = service == call.query.end() ? std::string() : service->second;
  co_return co_await call.controller.decisions(std::move(name), after,
                                               std::min(*limit, kMostDecisions));
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
       .query = {"service", "after", "limit"},
       .schema = "Decisions"},
      {.verb = http::verb::get,
       .pattern = "/v1/events",
       .summary = "Server-sent events; resumes after Last-Event-ID; heartbeat every 15 s",
       .kind = Kind::Events,
       .query = {"after"}},
  };
}

}  // namespace cutwater::control::admin
