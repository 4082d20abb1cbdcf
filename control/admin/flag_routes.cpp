// Implements feature flags and the mirror of a service, and flags for applications by OFREP
// (OpenFeature Remote Evaluation Protocol 0.3).
#include "control/admin/route.hpp"
#include "control/admin/strict_json.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

Awaitable<Reply> list_flags(Call& call) {
  co_return call.resources.flags.flags(call.vars[0]);
}

Awaitable<Reply> get_flag(Call& call) {
  co_return pick(call.resources.flags.flags(call.vars[0]), "flags", call.vars[1]);
}

Awaitable<Reply> kill_flag(Call& call) {
  return call.resources.flags.set_flag(call.vars[0], call.vars[1], false, call.actor);
}

Awaitable<Reply> revive_flag(Call& call) {
  return call.resources.flags.set_flag(call.vars[0], call.vars[1], true, call.actor);
}

Awaitable<Reply> put_flag(Call& call) {
  return call.resources.flags.put_flag(call.vars[0], call.vars[1], std::move(call.body),
                                       call.precondition, call.actor);
}

Awaitable<Reply> get_mirror(Call& call) {
  co_return call.resources.mirror.mirror(call.vars[0]);
}

Awaitable<Reply> put_mirror(Call& call) {
  return call.resources.mirror.put_mirror(call.vars[0], std::move(call.body), call.precondition,
                                          call.actor);
}

// OFREP has its own form of failures, which is not a problem document.
Reply parse_error(std::string_view key, const std::string& detail) {
  Reply reply;
  reply.status = 400;
  reply.media_type = "application/json";
  boost::json::object body{{"errorCode", "PARSE_ERROR"}, {"errorDetails", detail}};
  if (!key.empty()) body["key"] = key;
  reply.body = std::move(body);
  return reply;
}

Awaitable<Reply> evaluate_flag(Call& call) {
  ParsedJson parsed = parse_strict_json(call.text);
  if (!parsed.error.empty()) co_return parse_error(call.vars[0], parsed.error);
  if (!parsed.value.is_object()) co_return parse_error(call.vars[0], "an object is meant");
  co_return call.resources.flags.ofrep_flag(call.vars[0], parsed.value.as_object());
}

Awaitable<Reply> evaluate_flags(Call& call) {
  ParsedJson parsed = parse_strict_json(call.text);
  if (!parsed.error.empty()) co_return parse_error("", parsed.error);
  if (!parsed.value.is_object()) co_return parse_error("", "an object is meant");
  Reply reply = call.resources.flags.ofrep_flags(parsed.value.as_object());
  const std::string tag = reply.etag ? "\"" + std::to_string(*reply.etag) + "\"" : "";
  // RFC 9110 13.1.2 asks for weak comparison with any of a list, or *.
  const bool known = !tag.empty() && (call.if_none_match == "*" ||
                                      call.if_none_match.find(tag) != std::string::npos);
  if (known) reply.status = 304;
  co_return reply;
}

}  // namespace

std::vector<Route> flag_routes() {
  constexpr auto kGet = http::verb::get;
  constexpr auto kPut = http::verb::put;
  constexpr auto kPost = http::verb::post;
  return {
      {.verb = kGet,
       .pattern = "/v1/services/{service}/flags",
       .summary = "The feature flags of a service",
       .handler = list_flags},
      {.verb = kGet,
       .pattern = "/v1/services/{service}/flags/{flag}",
       .summary = "One feature flag",
       .handler = get_flag},
      {.verb = kPost,
       .pattern = "/v1/services/{service}/flags/{flag}:kill",
       .summary = "Switch a flag off: it matches nobody from now on",
       .handler = kill_flag,
       .access = Access::Deployer,
       .body = Body::OptionalJson},
      {.verb = kPost,
       .pattern = "/v1/services/{service}/flags/{flag}:revive",
       .summary = "Switch a killed flag on again",
       .handler = revive_flag,
       .access = Access::Deployer,
       .body = Body::OptionalJson},
      {.verb = kPut,
       .pattern = "/v1/services/{service}/flags/{flag}",
       .summary = "Change a flag: enabled, percentage, arms, allow, deny, ramping",
       .handler = put_flag,
       .access = Access::Deployer,
       .body = Body::Json,
       .if_match = true,
       .request = "FlagBody"},
      {.verb = kGet,
       .pattern = "/v1/services/{service}/mirror",
       .summary = "The mirror: its share, and what came of the copies",
       .handler = get_mirror},
      {.verb = kPut,
       .pattern = "/v1/services/{service}/mirror",
       .summary = "Set the share of requests that are copied, in percent; 0 stops it",
       .handler = put_mirror,
       .access = Access::Deployer,
       .body = Body::Json,
       .if_match = true,
       .request = "MirrorBody"},
      {.verb = kPost,
       .pattern = "/ofrep/v1/evaluate/flags/{key}",
       .summary = "OFREP: one flag for a context, as the edge decides",
       .handler = evaluate_flag,
       .body = Body::RawJson,
       .request = "EvaluationBody"},
      {.verb = kPost,
       .pattern = "/ofrep/v1/evaluate/flags",
       .summary = "OFREP: all flags for a context. If-None-Match: 304 while nothing changed",
       .handler = evaluate_flags,
       .body = Body::RawJson,
       .request = "EvaluationBody"},
  };
}

}  // namespace cutwater::control::admin
