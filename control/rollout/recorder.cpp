#include "control/rollout/recorder.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace cutwater::control {
namespace asio = boost::asio;
namespace {

// At most this many ticks of one rollout may wait for the disk.
constexpr std::size_t kMostWaiting = 256;

// A rollout is recorded while it is judged: on the way back nothing counts any more.
bool is_recorded(const EngineState* rollout) {
  return rollout != nullptr && !is_terminal(rollout->phase) && rollout->phase != Phase::RollingBack;
}

}  // namespace

Recorder::Recorder(asio::io_context& context, AsyncStore& store)
    : context_(context), store_(store) {}

void Recorder::sample(const std::string& service, const Present& present) {
  std::optional<Watched> next;
  if (is_recorded(present.rollout)) {
    const EngineState& rollout = *present.rollout;
    next = {rollout.id,
            rollout.to,
            rollout.from,
            rollout.step,
            rollout.weight,
            present.totals(rollout.to),
            present.totals(rollout.from),
            present.wall_ms};
  }
  if (const auto found = watched_.find(service); found != watched_.end()) {
    const Watched& before = found->second;
    if (next && next->rollout == before.rollout) {
      close_tick(before, *next);
    } else {
      Watched end = before;
      end.to_totals = present.totals(end.to);
      end.from_totals = present.totals(end.from);
      end.at_ms = present.wall_ms;
      close_tick(before, end);
      // The rollout is over, so there is nothing to wait for.
      const auto last = waiting_->rollouts.find(before.rollout);
      if (last != waiting_->rollouts.end()) last->second.due_ms = present.wall_ms;
      watched_.erase(found);
    }
  }
  if (next) watched_[service] = *std::move(next);
  write_due(present.wall_ms);
}

void Recorder::close_tick(const Watched& begin, const Watched& end) {
  TrafficTick tick;
  tick.end_ms = end.at_ms;
  tick.span_ms = std::max<std::int64_t>(end.at_ms - begin.at_ms, 0);
  tick.step = begin.step;
  tick.weight = begin.weight;
  tick.to = counts_between(begin.to_totals, end.to_totals);
  tick.from = counts_between(begin.from_totals, end.from_totals);
  if (tick.empty()) return;
  Unwritten& unwritten = waiting_->rollouts[begin.rollout];
  if (unwritten.ticks.empty()) unwritten.due_ms = end.at_ms + kWriteEveryMs;
  unwritten.ticks.push_back(std::move(tick));
  coalesce(unwritten.ticks, kMostWaiting);
}

void Recorder::write_due(std::int64_t now_ms) {
  auto& rollouts = waiting_->rollouts;
  for (auto it = rollouts.begin(); it != rollouts.end();) {
    if (now_ms < it->second.due_ms) {
      ++it;
      continue;
    }
    auto due = rollouts.extract(it++);
    due.mapped().due_ms = now_ms + kWriteEveryMs;  // when it has to be tried again
    asio::co_spawn(context_, write(store_, waiting_, std::move(due.key()), std::move(due.mapped())),
                   asio::detached);
  }
}

asio::awaitable<void> Recorder::write(AsyncStore& store, std::shared_ptr<Waiting> waiting,
                                      std::string rollout, Unwritten what) {
  using R = StoreResult<bool>;
  std::function<R(Store&)> work = [rollout, ticks = what.ticks](Store& on_disk) {
    return on_disk.append_traffic(rollout, ticks);
  };
  const R written = co_await store.run<R>(std::move(work));
  if (written.has_value()) {
    waiting->failing = false;
    co_return;
  }
  if (!std::exchange(waiting->failing, true))
    spdlog::warn("the traffic of rollout {} cannot be recorded now error=\"{}\"", rollout,
                 written.error().message);
  Unwritten& again = waiting->rollouts[rollout];
  again.ticks.insert(again.ticks.begin(), what.ticks.begin(), what.ticks.end());
  again.due_ms = what.due_ms;
  coalesce(again.ticks, kMostWaiting);
}

asio::awaitable<StoreResult<Traffic>> Recorder::recorded(std::string rollout) const {
  // The waiting ticks are taken first: a write under way is done before the store is asked.
  Traffic fresh;
  const auto unwritten = waiting_->rollouts.find(rollout);
  if (unwritten != waiting_->rollouts.end()) fresh = unwritten->second.ticks;
  using R = StoreResult<Traffic>;
  std::function<R(Store&)> work = [rollout](Store& store) { return store.traffic(rollout); };
  R all = co_await store_.run<R>(std::move(work));
  if (all.has_value()) all->insert(all->end(), fresh.begin(), fresh.end());
  co_return all;
}

}  // namespace cutwater::control
