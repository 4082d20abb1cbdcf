#include "control/operations/history.hpp"

#include <utility>

#include "control/operations/replies.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

Reply without_history() {
  return problem(503, "no_history", "this process keeps no history");
}

}  // namespace

Awaitable<Reply> HistoryOperations::decisions(std::string service,
                                              std::optional<std::uint64_t> after, std::size_t limit,
                                              std::int64_t since_ms) {
  if (!service.empty() && services_.find(service) == nullptr) co_return no_service(service);
  const auto found = co_await store_.decisions(service, after, limit, since_ms);
  if (found.has_error()) co_return history_unreadable(found.error());
  json::array list;
  for (const Decision& decision : *found) list.push_back(decision_view(decision));
  Reply reply;
  reply.body = json::object{{"decisions", std::move(list)}};
  co_return reply;
}

Awaitable<Reply> HistoryOperations::audit(HistoryQuery asked) {
  if (historian_ == nullptr) co_return without_history();
  if (!asked.service.empty() && services_.find(asked.service) == nullptr)
    co_return no_service(asked.service);
  co_return co_await historian_->audit(std::move(asked));
}

Awaitable<Reply> HistoryOperations::dora(std::chrono::milliseconds window, std::string service) {
  if (historian_ == nullptr) co_return without_history();
  if (!service.empty() && services_.find(service) == nullptr) co_return no_service(service);
  co_return co_await historian_->dora(window, std::move(service));
}

Awaitable<Reply> HistoryOperations::notifications(std::optional<OutboxItem::State> state,
                                                  std::size_t limit) {
  if (historian_ == nullptr) co_return without_history();
  co_return co_await historian_->notifications(state, limit);
}

json::value HistoryOperations::steering_of(const std::string& name) {
  const ServiceEntry* entry = services_.find(name);
  if (entry == nullptr) entry = services_.find_rollout(name).entry;
  if (entry == nullptr) return nullptr;
  json::object out = state_summary(entry->state, entry->active());
  out["service"] = entry->state.name;
  if (entry->rollout) out["rollout"] = entry->rollout->id;
  return out;
}

Awaitable<Reply> HistoryOperations::notify_test(std::string channel) {
  if (notifier_ == nullptr) co_return without_history();
  co_return co_await notifier_->test(std::move(channel));
}

Awaitable<void> HistoryOperations::record_audit(AuditEntry entry) {
  if (historian_ != nullptr) co_await historian_->record(std::move(entry));
}

}  // namespace cutwater::control
