#include "control/autopilot/answers.hpp"

#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "control/state/views.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::seconds kWriteAgain{1};

}  // namespace

Awaitable<bool> Answers::report(std::string service, RunningTask done, TaskResult result) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  const ServiceEntry* entry = services_.find(service);
  if (entry == nullptr || !entry->rollout || entry->rollout->id != done.rollout) co_return true;
  auto kept = tasks_.take(service, done);
  if (!kept) co_return true;  // nobody wants to know any more
  Draft draft = steering_.draft_of(*entry);
  draft.run(event::Done{done.task, result.ok, result.reason});
  const bool reverting = draft.rollout->phase == Phase::RollingBack;
  const auto failed = co_await steering_.commit(
      std::move(draft), reverting ? Order::PublishFirst : Order::StoreFirst);
  if (failed) tasks_.give_back(service, *std::move(kept));
  co_return !failed;
}

Awaitable<void> Answers::task_done(std::string service, RunningTask done, TaskResult result) {
  asio::steady_timer timer(context_);
  for (;;) {
    const bool written = co_await report(service, done, result);
    if (written) break;
    timer.expires_after(kWriteAgain);  // the disk refuses: the answer is kept, not asked for again
    co_await timer.async_wait(asio::use_awaitable);
  }
  // The rollout goes on at once, unless a person or a guard is waiting.
  if (const auto turn = steering_.turns().try_take(); turn && services_.find(service) != nullptr)
    co_await clock_.tick_service(service);
}

Awaitable<void> Answers::hook_told(std::string rollout, std::string problem) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = services_.find_rollout(rollout).entry;
  if (entry == nullptr) co_return;
  Draft draft = steering_.draft_of(*entry);
  draft.decide({problem.empty() ? "hook_told" : "hook_failed", "hook",
                problem.empty() ? "the webhook was told of the end of the rollout" : problem,
                kSelf});
  draft.decisions.back().rollout = rollout;
  Change change;
  change.decisions = draft.decisions;
  change.decisions.back().after = change.decisions.back().before;
  if (entry->rollout && entry->rollout->id == rollout) {
    entry->rollout->call_due.clear();
    change.rollouts.push_back(rollout_record(*entry->rollout));
  }
  for (EngineState& finished : entry->finished) {
    if (finished.id != rollout) continue;
    finished.call_due.clear();
    change.rollouts.push_back(rollout_record(finished));
  }
  co_await steering_.write_or_keep(std::move(change));
}

}  // namespace cutwater::control
