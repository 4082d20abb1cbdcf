#include "control/operations/mirror.hpp"

#include <utility>

#include "config/show_flag.hpp"
#include "control/base/json_text.hpp"
#include "control/operations/replies.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;

Reply MirrorOperations::mirror(const std::string& service) {
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) return no_service(service);
  const auto& file = parts_.services.find_config(service)->mirror;
  const auto stats = parts_.publisher.mirror_stats(service);
  if (!file || !stats)
    return problem(404, "no_mirror", "`" + service + "` has no `mirror` in the file");
  const stats::VersionTotals totals = stats->monitor.totals();
  json::object results;
  for (std::size_t i = 0; i < stats::kOutcomes; ++i)
    results[stats::to_string(static_cast<stats::Outcome>(i))] = totals.outcomes[i];
  for (std::size_t i = 0; i < routing::kMirrorDrops; ++i)
    results[routing::to_string(static_cast<routing::MirrorDrop>(i))] = stats->dropped[i].load();
  json::object out = config::show_mirror(*file);
  out["share"] = number(entry->state.mirror.value_or(file->share).as_percent());
  out["under_way"] = stats->under_way.load();
  out["results"] = std::move(results);
  out["latency"] = latency_view(totals.latency);
  const guard::GuardReport report = stats->monitor.report(parts_.clocks.now());
  out["verdict"] = guard::to_string(report.verdict);
  Reply reply;
  reply.body = std::move(out);
  reply.etag = entry->state.generation;
  return reply;
}

Awaitable<Reply> MirrorOperations::put_mirror(std::string service, json::object body,
                                              Precondition precondition, Actor actor) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  if (!parts_.services.find_config(service)->mirror)
    co_return problem(404, "no_mirror", "`" + service + "` has no `mirror` in the file");
  if (auto refused = check_precondition(entry->state, precondition)) co_return *std::move(refused);
  const auto* share = body.size() == 1 ? body.if_contains("share") : nullptr;
  const auto given = share != nullptr && share->is_number()
                         ? share_from_percent(share->to_number<double>())
                         : std::nullopt;
  if (!given)
    co_return problem(422, "invalid_mirror",
                      "`share`, a number of percent from 0 to 100, is all that can be set here");
  Draft draft = steering_.draft_of(*entry);
  draft.state.mirror = *given;
  draft.decide({"mirror_set", "manual", "mirror set to " + to_string(*given) + " by " + actor.name,
                actor.name});
  // To stop the shadow is to protect users, so the stop does not wait for the disk.
  const Order order = given->millionths == 0 ? Order::PublishFirst : Order::StoreFirst;
  const auto failed = co_await steering_.commit(std::move(draft), order);
  if (failed) co_return store_problem(*failed);
  co_return mirror(service);
}

}  // namespace cutwater::control
