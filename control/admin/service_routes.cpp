// Implements /v1/services: what is running, weights, rollback, explain.
#include "control/admin/route.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

Awaitable<Reply> list_services(Call& call) {
  co_return call.resources.services.services();
}

Awaitable<Reply> get_service(Call& call) {
  co_return call.resources.services.service(call.vars[0]);
}

Awaitable<Reply> get_weights(Call& call) {
  co_return call.resources.weights.weights(call.vars[0]);
}

Awaitable<Reply> put_weights(Call& call) {
  return call.resources.weights.put_weights(call.vars[0], std::move(call.body), call.precondition,
                                            call.actor, call.dry_run);
}

Awaitable<Reply> rollback(Call& call) {
  return call.resources.weights.rollback(call.vars[0], std::move(call.body), call.actor);
}

Awaitable<Reply> explain(Call& call) {
  co_return call.resources.services.explain(call.vars[0], call.body);
}

template <VersionAction action>
Awaitable<Reply> version(Call& call) {
  return call.resources.versions.act_on_version(call.vars[0], call.vars[1], action, call.actor);
}

Awaitable<Reply> put_version(Call& call) {
  return call.resources.versions.put_version(call.vars[0], call.vars[1], std::move(call.body),
                                             call.precondition, call.actor);
}

Awaitable<Reply> remove_version(Call& call) {
  return call.resources.versions.remove_version(call.vars[0], call.vars[1], call.precondition,
                                                call.actor, call.dry_run);
}

}  // namespace

std::vector<Route> service_routes() {
  constexpr auto kGet = http::verb::get;
  constexpr auto kPost = http::verb::post;
  return {
      {.verb = kGet,
       .pattern = "/v1/services",
       .summary = "All services: weights, versions, live rates, verdicts, active rollout",
       .handler = list_services,
       .schema = "Services"},
      {.verb = kGet,
       .pattern = "/v1/services/{service}",
       .summary = "One service",
       .handler = get_service,
       .schema = "Service"},
      {.verb = kGet,
       .pattern = "/v1/services/{service}/weights",
       .summary = "Configured weights in percent; the ETag is the generation",
       .handler = get_weights,
       .schema = "Weights"},
      {.verb = http::verb::put,
       .pattern = "/v1/services/{service}/weights",
       .summary = "Set the split. Durable and switched on every worker when answered",
       .handler = put_weights,
       .access = Access::Deployer,
       .body = Body::Json,
       .if_match = true,
       .query = {"dry_run"},
       .schema = "Weights",
       .request = "WeightsBody"},
      {.verb = kPost,
       .pattern = "/v1/services/{service}:rollback",
       .summary = "Back to the last known-good version, now",
       .handler = rollback,
       .access = Access::Deployer,
       .body = Body::OptionalJson,
       .request = "ReasonBody"},
      {.verb = kPost,
       .pattern = "/v1/services/{service}:explain",
       .summary = "Which version a sample request would get, and why. Changes nothing",
       .handler = explain,
       .body = Body::Json,
       .schema = "Explanation",
       .request = "ExplainBody"},
      {.verb = kGet,
       .pattern = "/v1/services/{service}/versions/{version}",
       .summary = "One version of a service",
       .handler = version<VersionAction::Show>,
       .schema = "Version"},
      {.verb = http::verb::put,
       .pattern = "/v1/services/{service}/versions/{version}",
       .summary = "Where a version runs: {\"endpoints\": [URL, ...]}. Makes it when there is none",
       .handler = put_version,
       .access = Access::Deployer,
       .body = Body::Json,
       .if_match = true,
       .schema = "Version",
       .request = "VersionBody"},
      {.verb = http::verb::delete_,
       .pattern = "/v1/services/{service}/versions/{version}",
       .summary = "Remove a version that is drained",
       .handler = remove_version,
       .access = Access::Deployer,
       .if_match = true,
       .query = {"dry_run"},
       .schema = "Weights"},
      {.verb = kPost,
       .pattern = "/v1/services/{service}/versions/{version}:drain",
       .summary = "Send it nothing more; `drained` is true when nothing is under way any more",
       .handler = version<VersionAction::Drain>,
       .access = Access::Deployer,
       .body = Body::OptionalJson},
      {.verb = kPost,
       .pattern = "/v1/services/{service}/versions/{version}:undrain",
       .summary = "Let a drained version have traffic again; the same as :unlock",
       .handler = version<VersionAction::Unlock>,
       .access = Access::Deployer,
       .body = Body::OptionalJson},
      {.verb = kPost,
       .pattern = "/v1/services/{service}/versions/{version}:unlock",
       .summary = "Lift the lock-out a rollback or a drain put on a version",
       .handler = version<VersionAction::Unlock>,
       .access = Access::Deployer,
       .body = Body::OptionalJson},
  };
}

}  // namespace cutwater::control::admin
