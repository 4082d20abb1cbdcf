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
  };
}

}  // namespace cutwater::control::admin
