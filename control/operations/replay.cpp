// What the versions of a rollout did, recorded, and what other limits would have made of it.
#include "control/rollout/replay.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {
namespace {

// Without its ticks, by the limits that are in force now.
ReplayCase case_of(const EngineState& rollout, const config::Service* config) {
  const config::Guards guards = config == nullptr ? config::Guards{} : config->guards;
  return {rollout.id, rollout.service, rollout.from, rollout.to, rollout.plan, guards, {}};
}

// Puts in the ticks; a Reply says why there are none.
Awaitable<std::optional<Reply>> add_ticks(const Recorder& recorder, ReplayCase& out) {
  auto ticks = co_await recorder.recorded(out.rollout);
  if (ticks.has_error())
    co_return problem(ticks.error().kind == StoreError::Kind::Corrupt ? 500 : 503,
                      "history_unreadable", ticks.error().message);
  if (ticks->empty())
    co_return problem(409, "nothing_recorded",
                      "nothing is recorded of rollout " + out.rollout + ": neither `" + out.from +
                          "` nor `" + out.to +
                          "` had requests while it was under way, or it is older than the record");
  out.ticks = *std::move(ticks);
  co_return std::nullopt;
}

}  // namespace

void ControllerImpl::record_traffic(const Entry& entry) {
  Recorder::Present present;
  if (entry.rollout) present.rollout = &*entry.rollout;
  present.wall_ms = setup_.wall_ms();
  present.totals = [this, &entry](const std::string& version) {
    const auto monitor = publisher_.monitor(entry.state.name, version);
    return monitor ? monitor->totals() : stats::VersionTotals{};
  };
  recorder_.sample(entry.state.name, present);
}

Awaitable<Reply> ControllerImpl::record(std::string rollout_id) {
  const EngineState* found = nullptr;
  if (find_by_rollout(rollout_id, &found) == nullptr) co_return rollout_reply(rollout_id);
  ReplayCase record = case_of(*found, find_config(found->service));
  auto refused = co_await add_ticks(recorder_, record);
  if (refused) co_return *std::move(refused);
  Reply reply;
  reply.body = record_view(record);
  co_return reply;
}

Awaitable<Reply> ControllerImpl::replay(std::string rollout_id, boost::json::object guards) {
  const EngineState* found = nullptr;
  if (find_by_rollout(rollout_id, &found) == nullptr) co_return rollout_reply(rollout_id);
  ReplayCase asked = case_of(*found, find_config(found->service));
  if (auto refused = change_guards(guards, asked)) co_return *std::move(refused);
  auto missing = co_await add_ticks(recorder_, asked);
  if (missing) co_return *std::move(missing);
  const Replay result = control::replay(asked);
  Reply reply;
  reply.body = replay_view(asked, result);
  co_return reply;
}

}  // namespace cutwater::control
