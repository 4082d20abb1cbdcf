// Implements /v1/rollouts: start, follow and steer.
#include "control/admin/route.hpp"

#include <algorithm>

#include "config/units.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

constexpr std::chrono::milliseconds kLongestWait = std::chrono::minutes(5);

Awaitable<Reply> list_rollouts(Call& call) {
  co_return call.resources.rollouts.rollouts(call.vars[0]);
}

Awaitable<Reply> start_rollout(Call& call) {
  return call.resources.rollouts.start_rollout(call.vars[0], std::move(call.body), call.actor,
                                               call.dry_run);
}

Awaitable<Reply> get_rollout(Call& call) {
  const auto wait = call.query.find("wait");
  if (wait == call.query.end()) co_return call.resources.rollouts.rollout(call.vars[0]);
  const auto duration = config::parse_duration(wait->second);
  if (!duration) {
    co_return problem(400, "bad_query", "'wait' is a duration such as 60s, 500ms or 2m.");
  }
  co_return co_await call.resources.rollouts.wait_rollout(call.vars[0],
                                                          std::min(*duration, kLongestWait));
}

Awaitable<Reply> get_analysis(Call& call) {
  co_return call.resources.rollouts.analysis(call.vars[0]);
}

Awaitable<Reply> get_record(Call& call) {
  return call.resources.rollouts.record(call.vars[0]);
}

Awaitable<Reply> replay_record(Call& call) {
  return call.resources.rollouts.replay(call.vars[0], std::move(call.body));
}

template <RolloutAction kAction>
Awaitable<Reply> act(Call& call) {
  return call.resources.rollouts.command(call.vars[0], kAction, std::move(call.body), call.actor);
}

Route action(std::string_view pattern, std::string_view summary, Handler handler,
             Access access = Access::Deployer, int success = 200) {
  return {.verb = http::verb::post,
          .pattern = pattern,
          .summary = summary,
          .handler = handler,
          .access = access,
          .body = Body::OptionalJson,
          .schema = "Rollout",
          .success = success,
          .request = "CommandBody"};
}

}  // namespace

std::vector<Route> rollout_routes() {
  return {
      {.verb = http::verb::get,
       .pattern = "/v1/services/{service}/rollouts",
       .summary = "Rollouts of a service, active and past",
       .handler = list_rollouts},
      {.verb = http::verb::post,
       .pattern = "/v1/services/{service}/rollouts",
       .summary = "Start a rollout; 409 if one is active",
       .handler = start_rollout,
       .access = Access::Deployer,
       .body = Body::Json,
       .query = {"dry_run"},
       .schema = "Rollout",
       .success = 201,
       .request = "RolloutBody"},
      {.verb = http::verb::get,
       .pattern = "/v1/rollouts/{id}",
       .summary = "One rollout; ?wait=60s (at most 5m) answers when it changes",
       .handler = get_rollout,
       .query = {"wait"},
       .schema = "Rollout"},
      {.verb = http::verb::get,
       .pattern = "/v1/rollouts/{id}/analysis",
       .summary = "Counts, rates with intervals, quantiles, evidence, thresholds, verdict",
       .handler = get_analysis},
      {.verb = http::verb::get,
       .pattern = "/v1/rollouts/{id}/record",
       .summary = "What both versions did while it was judged, tick by tick: requests, errors and "
                  "latencies (bucket b begins at (64 + b mod 64) * 2^(b / 64 + 3) ns); 409 when "
                  "nothing was recorded",
       .handler = get_record,
       .schema = "Record"},
      {.verb = http::verb::post,
       .pattern = "/v1/rollouts/{id}:replay",
       .summary = "What these guards, in the configuration's words, would have made of the record "
                  "(those in force, where none is given); changes nothing",
       .handler = replay_record,
       .body = Body::OptionalJson,
       .schema = "Replay",
       .request = "ReplayBody"},
      action("/v1/rollouts/{id}:pause", "Hold at this weight; the guards stay armed",
             act<RolloutAction::Pause>),
      action("/v1/rollouts/{id}:resume", "Go on after a pause", act<RolloutAction::Resume>),
      action("/v1/rollouts/{id}:promote", "Go to the next step without waiting",
             act<RolloutAction::Promote>),
      action("/v1/rollouts/{id}:promote-full", "Go to 100 % without waiting",
             act<RolloutAction::PromoteFull>),
      action("/v1/rollouts/{id}:approve", "Agree to a rollout that is awaiting_approval",
             act<RolloutAction::Approve>, Access::Approver),
      action("/v1/rollouts/{id}:reject", "Refuse one that is awaiting_approval: it ends as aborted",
             act<RolloutAction::Reject>, Access::Approver),
      action("/v1/rollouts/{id}:ready", "The endpoints that are out have their new version",
             act<RolloutAction::Ready>),
      action("/v1/rollouts/{id}:retry", "Start again one that was rolled back or aborted",
             act<RolloutAction::Retry>, Access::Deployer, 201),
      action("/v1/rollouts/{id}:abort", "Stop and give all traffic back to the old version",
             act<RolloutAction::Abort>),
  };
}

}  // namespace cutwater::control::admin
