// What was: the audit log, DORA figures and notifications. The historian and the notifier do it;
// here it becomes part of what can be asked of a running proxy.
#include "control/history/historian.hpp"
#include "control/notify/notifier.hpp"
#include "control/state/views.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

Reply without_history() {
  return problem(503, "no_history", "this process keeps no history");
}

Reply unknown_service(const std::string& service) {
  return problem(404, "service_unknown", "there is no service `" + service + "`");
}

}  // namespace

Awaitable<Reply> ControllerImpl::audit(HistoryQuery asked) {
  if (setup_.historian == nullptr) co_return without_history();
  if (!asked.service.empty() && find(asked.service) == nullptr)
    co_return unknown_service(asked.service);
  co_return co_await setup_.historian->audit(std::move(asked));
}

Awaitable<Reply> ControllerImpl::dora(std::chrono::milliseconds window, std::string service) {
  if (setup_.historian == nullptr) co_return without_history();
  if (!service.empty() && find(service) == nullptr) co_return unknown_service(service);
  co_return co_await setup_.historian->dora(window, std::move(service));
}

Awaitable<Reply> ControllerImpl::notifications(std::optional<OutboxItem::State> state,
                                               std::size_t limit) {
  if (setup_.historian == nullptr) co_return without_history();
  co_return co_await setup_.historian->notifications(state, limit);
}

json::value ControllerImpl::steering_of(const std::string& name) {
  const Entry* entry = find(name);
  const EngineState* ignored = nullptr;
  if (entry == nullptr) entry = find_by_rollout(name, &ignored);
  if (entry == nullptr) return nullptr;
  json::object out = state_summary(entry->state, entry->rollout ? &*entry->rollout : nullptr);
  out["service"] = entry->state.name;
  if (entry->rollout) out["rollout"] = entry->rollout->id;
  return out;
}

Awaitable<Reply> ControllerImpl::notify_test(std::string channel) {
  if (setup_.notifier == nullptr) co_return without_history();
  co_return co_await setup_.notifier->test(std::move(channel));
}

Awaitable<void> ControllerImpl::record_audit(AuditEntry entry) {
  if (setup_.historian != nullptr) co_await setup_.historian->record(std::move(entry));
}

}  // namespace cutwater::control
