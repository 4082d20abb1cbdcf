// Answers what was: decisions, the audit log, DORA figures and notifications. The historian and the
// notifier do the work; here it becomes part of what can be asked. It belongs to control's
// io_context and lives as long as the control plane.
#pragma once

#include <string>

#include "control/history/historian.hpp"
#include "control/notify/notifier.hpp"
#include "control/operations/resources.hpp"
#include "control/state/services.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control {

class HistoryOperations : public HistoryResource {
 public:
  // Without a historian or a notifier (nullptr) the answer is a problem instead of what they would
  // say.
  HistoryOperations(AsyncStore& store, Services& services, Historian* historian,
                    notify::Notifier* notifier)
      : store_(store), services_(services), historian_(historian), notifier_(notifier) {}

  Awaitable<Reply> decisions(std::string service, std::optional<std::uint64_t> after,
                             std::size_t limit, std::int64_t since_ms = 0) override;
  Awaitable<Reply> audit(HistoryQuery asked) override;
  Awaitable<void> record_audit(AuditEntry entry) override;
  boost::json::value steering_of(const std::string& name) override;
  Awaitable<Reply> dora(std::chrono::milliseconds window, std::string service) override;
  Awaitable<Reply> notifications(std::optional<OutboxItem::State> state,
                                 std::size_t limit) override;
  Awaitable<Reply> notify_test(std::string channel) override;

 private:
  AsyncStore& store_;
  Services& services_;
  Historian* historian_;
  notify::Notifier* notifier_;
};

}  // namespace cutwater::control
