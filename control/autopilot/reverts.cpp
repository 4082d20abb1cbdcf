#include "control/autopilot/reverts.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "control/base/log_text.hpp"

namespace cutwater::control {

Awaitable<void> Reverts::tripped(std::string service, std::string version) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Trip);
  const ServiceEntry* entry = services_.find(service);
  if (entry == nullptr) co_return;
  const auto at_stake = guarded(*entry);
  Evidence evidence = guards_.evidence_of(service, version);
  if (!evidence.report.failed_test)  // a route's, in a dry run
    if (auto route = guards_.failed_route(service, version)) evidence = *std::move(route);
  // A person was faster, or a retry has begun since.
  if (!at_stake.contains(version) || !evidence.report.failed_test) co_return;
  Draft draft = steering_.draft_of(*entry);
  if (evidence.report.dry_run) {
    draft.decide_about(version,
                       {"would_roll_back", "guard", failure_sentence(version, evidence), kSelf});
    co_await steering_.commit(std::move(draft), Order::StoreFirst);
    co_return;
  }
  if (draft.rollout && draft.rollout->to == version)
    draft.run(event::Tripped{evidence});
  else
    steering_.revert_directly(draft, version,
                              {"rolled_back", "guard", failure_sentence(version, evidence), kSelf});
  co_await steering_.commit(std::move(draft), Order::PublishFirst);
}

Awaitable<void> Reverts::health_changed(ProbedEndpoint probed, bool healthy, std::string why) {
  spdlog::log(healthy ? spdlog::level::info : spdlog::level::warn,
              "health service={} version={} endpoint={} healthy={} why=\"{}\"", probed.service,
              probed.version, probed.url, healthy, log_text(why));
  steering_.events().publish("health", {{"service", probed.service},
                                        {"version", probed.version},
                                        {"endpoint", probed.url},
                                        {"healthy", healthy},
                                        {"why", why}});
  const std::string& service = probed.service;
  const std::string& version = probed.version;
  if (ServiceEntry* known = services_.find(service)) {
    if (healthy)
      known->down.erase({version, probed.url});
    else
      known->down[{version, probed.url}] = {steering_.parts().clocks.wall_ms(), why};
  }
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Trip);
  const ServiceEntry* entry = services_.find(service);
  if (entry == nullptr) co_return;
  // An endpoint that a rolling rollout has taken out is expected to be away.
  const auto in_service = capacity_.in_service(entry->state, version);
  const auto is_healthy = [](const auto& endpoint) { return endpoint->healthy(); };
  if (in_service.empty() || std::any_of(in_service.begin(), in_service.end(), is_healthy))
    co_return;
  // This value has a name because GCC 12 and braces around a co_await do not agree.
  Unfit what{service, version, "health", version + " has no healthy endpoint left: " + why};
  co_await take_traffic(std::move(what));
}

Awaitable<void> Reverts::unfit(Unfit what) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Trip);
  co_await take_traffic(std::move(what));
}

Awaitable<void> Reverts::take_traffic(Unfit what) {
  const ServiceEntry* entry = services_.find(what.service);
  if (entry == nullptr || !guarded(*entry).contains(what.version)) co_return;
  Draft draft = steering_.draft_of(*entry);
  if (draft.rollout && draft.rollout->to == what.version)
    draft.run(event::Unhealthy{what.reason, what.cause});
  else
    steering_.revert_directly(draft, what.version, {"rolled_back", what.cause, what.reason, kSelf});
  if (draft.decisions.empty()) co_return;  // it is being reverted already
  co_await steering_.commit(std::move(draft), Order::PublishFirst);
}

}  // namespace cutwater::control
