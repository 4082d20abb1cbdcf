// Implements /v1/services/{service}/versions: where a version runs, drain, lock-outs.
#include "control/admin/route.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

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

std::vector<Route> version_routes() {
  constexpr auto kGet = http::verb::get;
  constexpr auto kPost = http::verb::post;
  return {
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
