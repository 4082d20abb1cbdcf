#include "control/history/historian.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/notify/event.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

using dora::Figure;
using dora::Standing;
using std::chrono::milliseconds;

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
// A rollout that ends within the window began at most this long before it.
constexpr std::int64_t kLongestRolloutMs = 90 * kDayMs;
constexpr std::int64_t kKeepOutboxMs = 30 * kDayMs;
constexpr std::size_t kMostDecisions = 1'000'000;
constexpr std::size_t kUnsavedAudit = 1000;

Reply unreadable(const StoreError& error) {
  return problem(error.kind == StoreError::Kind::Corrupt ? 500 : 503, "history_unreadable",
                 error.message);
}

json::object audit_view(const AuditEntry& entry) {
  return {{"seq", entry.seq},
          {"time", time_text(entry.time_ms)},
          {"actor", entry.actor},
          {"role", entry.role},
          {"method", entry.method},
          {"path", entry.path},
          {"status", entry.status},
          {"request_id", entry.request_id},
          {"service", entry.service.empty() ? json::value(nullptr) : json::value(entry.service)},
          {"before", entry.before},
          {"after", entry.after}};
}

json::object outbox_view(const OutboxItem& item) {
  const auto time_or_null = [](std::int64_t unix_ms) {
    return unix_ms == 0 ? json::value(nullptr) : json::value(time_text(unix_ms));
  };
  const bool pending = item.state == OutboxItem::State::Pending;
  return {{"id", item.id},
          {"channel", item.channel},
          {"event", item.event_id},
          {"title", notify::title_of(item.event)},
          {"state", to_string(item.state)},
          {"attempts", item.attempts},
          {"error", item.error.empty() ? json::value(nullptr) : json::value(item.error)},
          {"created", time_text(item.created_ms)},
          {"next", pending ? time_or_null(item.next_ms) : json::value(nullptr)},
          {"expires", pending ? time_or_null(item.expires_ms) : json::value(nullptr)},
          {"finished", time_or_null(item.finished_ms)}};
}

std::string_view unit_of(Figure figure) {
  if (figure == Figure::DeploymentFrequency) return "per_day";
  return figure == Figure::LeadTime || figure == Figure::TimeToRecovery ? "seconds" : "ratio";
}

json::object dora_view(const dora::Report& report) {
  json::object out{{"from", time_text(report.from_ms)},
                   {"to", time_text(report.to_ms)},
                   {"deployments", report.deployments},
                   {"succeeded", report.succeeded},
                   {"failed", report.failed}};
  for (const Figure figure : dora::kFigures) {
    const dora::Result& result = report.of(figure);
    const dora::Goal goal = dora::goal_of(figure);
    out[dora::name_of(figure)] =
        json::object{{"value", result.value ? rounded(*result.value, 6) : json::value(nullptr)},
                     {"unit", unit_of(figure)},
                     {"target", number(goal.target)},
                     {"alert", goal.alert ? number(*goal.alert) : json::value(nullptr)},
                     {"higher_is_better", goal.high_is_good},
                     {"standing", to_string(result.standing)},
                     {"samples", result.samples}};
  }
  return out;
}

// Returns the time from the first bad request to the last worker's switch, out of a decision's
// evidence.
std::optional<std::int64_t> recovery_of(const json::object& evidence) {
  const auto* until_decided = evidence.if_contains("first_bad_to_decision_ms");
  if (until_decided == nullptr || !until_decided->is_number()) return std::nullopt;
  double took = until_decided->to_number<double>();
  const auto* until_switched = evidence.if_contains("switched_ms");
  if (until_switched != nullptr && until_switched->is_number())
    took += until_switched->to_number<double>();
  return static_cast<std::int64_t>(took + 0.5);
}

// Recognises a return to the version before, after a promotion: by hand, or by the guard that
// watched on.
bool went_back(const Decision& decision) {
  return decision.rollout.empty() && decision.action == "rolled_back" &&
         notify::member(decision.before, "stable") != notify::member(decision.after, "stable");
}

// Writes "change failure rate is 30 %, above 25 %".
std::string crossing_text(Figure figure, const dora::Result& result) {
  std::string name(dora::name_of(figure));
  std::replace(name.begin(), name.end(), '_', ' ');
  const auto spoken = [&](double value) {
    if (unit_of(figure) == "ratio") return to_text(rounded(value * 100, 1)) + " %";
    if (unit_of(figure) == "seconds")
      return config::to_string(milliseconds(static_cast<std::int64_t>(value) * 1000));
    return to_text(rounded(value, 2)) + " per day";
  };
  const dora::Goal goal = dora::goal_of(figure);
  if (result.standing == Standing::Alert)
    return name + " of the last 30 days is " + spoken(*result.value) + ", " +
           (goal.high_is_good ? "below " : "above ") + spoken(*goal.alert);
  return name + " of the last 30 days is " + (result.value ? spoken(*result.value) : "unknown") +
         ": within its limit again";
}

}  // namespace

std::optional<dora::Deployment> deployment_of(const RolloutRecord& record) {
  const std::string phase = notify::member(record.state, "phase");
  dora::Deployment out;
  out.service = record.service;
  if (phase == "succeeded")
    out.end = dora::Deployment::End::Succeeded;
  else if (phase == "rolled_back")
    out.end = dora::Deployment::End::RolledBack;
  else if (phase == "aborted")
    out.end = dora::Deployment::End::Aborted;
  else
    return std::nullopt;
  const auto* finished = record.state.if_contains("finished_ms");
  if (finished == nullptr || !finished->is_int64()) return std::nullopt;
  out.finished_ms = finished->as_int64();
  out.commit_ms = parse_rfc3339(notify::member(record.state, "commit_time"));
  const auto* evidence = record.state.if_contains("evidence");
  if (evidence != nullptr && evidence->is_object())
    out.recovery_ms = recovery_of(evidence->as_object());
  return out;
}

std::optional<dora::Deployment> deployment_of(const Decision& decision) {
  // If the decision belongs to a rollout, the rollout reports it.
  if (!decision.rollout.empty() || decision.service.empty()) return std::nullopt;
  if (went_back(decision)) return std::nullopt;  // it ended a deployment that had succeeded
  dora::Deployment out;
  out.service = decision.service;
  if (decision.action == "promoted")
    out.end = dora::Deployment::End::Succeeded;
  else if (decision.action == "rolled_back" && decision.cause != "manual")
    out.end = dora::Deployment::End::RolledBack;
  else
    return std::nullopt;
  out.finished_ms = parse_rfc3339(decision.time).value_or(0);
  out.recovery_ms = recovery_of(decision.evidence);
  return out;
}

Historian::Historian(AsyncStore& store, notify::Notifier& notifier,
                     std::function<std::int64_t()> wall_ms)
    : store_(store), notifier_(notifier), wall_ms_(std::move(wall_ms)) {}

// --- audit ---------------------------------------------------------------------------------------

asio::awaitable<void> Historian::record(AuditEntry entry) {
  if (stopped_) co_return;
  entry.time_ms = wall_ms_();
  if (unsaved_.size() < kUnsavedAudit) unsaved_.push_back(std::move(entry));
  const std::vector<AuditEntry> now = std::exchange(unsaved_, {});
  using R = StoreResult<bool>;
  std::function<R(Store&)> work = [&now](Store& store) { return store.append_audit(now); };
  const R written = co_await store_.run<R>(std::move(work));
  if (written.has_value()) co_return;
  spdlog::error("the audit log cannot be written error=\"{}\"", written.error().message);
  unsaved_.insert(unsaved_.begin(), now.begin(), now.end());
}

asio::awaitable<Reply> Historian::audit(HistoryQuery asked) {
  using R = StoreResult<std::vector<AuditEntry>>;
  std::function<R(Store&)> work = [asked](Store& store) { return store.audit(asked); };
  const R found = co_await store_.run<R>(std::move(work));
  if (found.has_error()) co_return unreadable(found.error());
  json::array list;
  for (const AuditEntry& entry : *found) list.push_back(audit_view(entry));
  Reply reply;
  reply.body = json::object{{"audit", std::move(list)}};
  co_return reply;
}

asio::awaitable<Reply> Historian::notifications(std::optional<OutboxItem::State> state,
                                                std::size_t limit) {
  using R = StoreResult<std::vector<OutboxItem>>;
  std::function<R(Store&)> work = [state, limit](Store& store) {
    return store.outbox(state, limit);
  };
  const R found = co_await store_.run<R>(std::move(work));
  if (found.has_error()) co_return unreadable(found.error());
  json::array list;
  for (const OutboxItem& item : *found) list.push_back(outbox_view(item));
  json::object pending;
  for (const auto& [channel, count] : notifier_.pending()) pending[channel] = count;
  Reply reply;
  reply.body = json::object{{"pending", std::move(pending)}, {"notifications", std::move(list)}};
  co_return reply;
}

// --- DORA ----------------------------------------------------------------------------------------

asio::awaitable<StoreResult<dora::History>> Historian::look_back(milliseconds window,
                                                                 std::string service) {
  using R = StoreResult<dora::History>;
  const std::int64_t now = wall_ms_();
  const std::int64_t from = std::max<std::int64_t>(now - window.count(), 0);
  std::function<R(Store&)> work = [now, from, service](Store& store) -> R {
    const auto rollouts = store.rollouts_since(std::max<std::int64_t>(from - kLongestRolloutMs, 0));
    if (rollouts.has_error()) return rollouts.error();
    const auto decisions =
        store.decisions(service, 0, kMostDecisions, std::max<std::int64_t>(from, 1));
    if (decisions.has_error()) return decisions.error();
    const auto oldest = store.decisions("", 0, 1);
    if (oldest.has_error()) return oldest.error();
    dora::History out;
    out.to_ms = now;
    out.from_ms = from;
    if (oldest->empty())
      out.from_ms = now;
    else
      out.from_ms = std::max(from, parse_rfc3339(oldest->front().time).value_or(from));
    for (const RolloutRecord& record : *rollouts) {
      auto one = deployment_of(record);
      if (one && one->finished_ms >= from && (service.empty() || service == one->service))
        out.deployments.push_back(std::move(*one));
    }
    for (const Decision& decision : *decisions) {
      if (auto one = deployment_of(decision)) out.deployments.push_back(std::move(*one));
      if (!went_back(decision)) continue;
      ++out.later_rollbacks;
      if (const auto took = recovery_of(decision.evidence))
        out.later_recoveries_ms.push_back(*took);
    }
    return out;
  };
  co_return co_await store_.run<R>(std::move(work));
}

asio::awaitable<Reply> Historian::dora(milliseconds window, std::string service) {
  const auto history = co_await look_back(window, service);
  if (history.has_error()) co_return unreadable(history.error());
  json::object view{{"window", config::to_string(window)},
                    {"service", service.empty() ? json::value(nullptr) : json::value(service)}};
  for (auto& [key, value] : dora_view(dora::calculate(*history))) view[key] = std::move(value);
  Reply reply;
  reply.body = std::move(view);
  co_return reply;
}

asio::awaitable<void> Historian::refresh_dora() {
  const auto history = co_await look_back(kDoraWindow, "");
  if (stopped_ || history.has_error()) co_return;  // an error is reported when somebody asks
  const dora::Report report = dora::calculate(*history);
  latest_ = report;
  co_await tell_crossings(report);
}

// Tells once when a figure crosses into the alarming, and once when it comes back.
asio::awaitable<void> Historian::tell_crossings(dora::Report report) {
  for (const Figure figure : dora::kFigures) {
    const std::string name(dora::name_of(figure));
    const std::string note = "dora/" + name;
    if (!alerting_.contains(name)) {
      using R = StoreResult<std::string>;
      std::function<R(Store&)> work = [note](Store& store) { return store.note(note); };
      const R known = co_await store_.run<R>(std::move(work));
      if (stopped_ || known.has_error()) co_return;
      alerting_[name] = *known;
    }
    const dora::Result& result = report.of(figure);
    const std::string now = result.standing == Standing::Alert ? "alert" : "";
    if (now == alerting_[name]) continue;
    const std::string time = time_text(report.to_ms);
    notify::Router::Notice notice;
    notice.event_id = "dora-" + name + "-" + std::to_string(report.to_ms);
    notice.topic = note;
    notice.resolve = now.empty();
    notice.event = {{"kind", "dora"},
                    {"action", now.empty() ? "dora_recovered" : "dora_alert"},
                    {"cause", name},
                    {"severity", now.empty() ? "info" : "warning"},
                    {"time", time},
                    {"actor", "cutwater"},
                    {"reason", crossing_text(figure, result)}};
    spdlog::warn("dora {}", crossing_text(figure, result));
    std::vector<notify::Router::Notice> notices{std::move(notice)};
    const bool written = co_await notifier_.tell(note, now, std::move(notices));
    if (stopped_) co_return;
    if (written) alerting_[name] = now;
  }
}

// --- what goes on --------------------------------------------------------------------------------

asio::awaitable<void> Historian::prune() {
  const std::int64_t before = wall_ms_() - keep_.count();
  const Store::Horizon horizon{before, time_text(before),
                               wall_ms_() - std::min<std::int64_t>(keep_.count(), kKeepOutboxMs)};
  using R = StoreResult<bool>;
  std::function<R(Store&)> work = [horizon](Store& store) { return store.prune(horizon); };
  const R pruned = co_await store_.run<R>(std::move(work));
  if (pruned.has_error())
    spdlog::warn("old history cannot be forgotten error=\"{}\"", pruned.error().message);
}

void Historian::written(const Change& change) {
  for (const Decision& decision : change.decisions)
    if (notify::is_end(notify::kind_of_action(decision.action))) next_dora_ms_ = 0;
}

asio::awaitable<void> Historian::tick() {
  const std::int64_t now = wall_ms_();
  if (now >= next_dora_ms_) {
    next_dora_ms_ = now + kMinuteMs;
    co_await refresh_dora();
  }
  if (!stopped_ && now >= next_prune_ms_) {
    next_prune_ms_ = now + kHourMs;
    co_await prune();
  }
}

}  // namespace cutwater::control
