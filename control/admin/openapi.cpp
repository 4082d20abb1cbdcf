#include "control/admin/route.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json.hpp>

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace json = boost::json;
namespace {

json::object ref(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

json::object parameter(std::string_view in, std::string_view name, bool required,
                       std::string_view description) {
  return {{"name", name},
          {"in", in},
          {"required", required},
          {"description", description},
          {"schema", {{"type", "string"}}}};
}

std::string_view query_help(std::string_view name) {
  if (name == "dry_run") return "true: answer with the plan, change nothing";
  if (name == "wait") return "Duration such as 60s: answer when the rollout changes, or then";
  if (name == "after") return "Only what came after this number";
  if (name == "limit") return "At most this many, 1000 at the most (jsonl: 10000)";
  if (name == "since") return "Duration such as 2h, or RFC 3339 time: only what came after it";
  if (name == "format") return "jsonl: one entry per line (application/x-ndjson) instead of a list";
  if (name == "window") return "Duration to look back, such as 7d (30d)";
  if (name == "state") return "pending, delivered or dead";
  return "Only this service";
}

json::array parameters(const Route& route) {
  json::array list;
  std::string_view rest = route.pattern;
  for (std::size_t open = rest.find('{'); open != rest.npos; open = rest.find('{')) {
    const std::size_t close = rest.find('}');
    list.push_back(parameter("path", rest.substr(open + 1, close - open - 1), true, ""));
    rest.remove_prefix(close + 1);
  }
  for (const auto name : route.query)
    list.push_back(parameter("query", name, false, query_help(name)));
  if (route.if_match) {
    list.push_back(
        parameter("header", "If-Match", true, "The ETag last seen, or * for \"whatever it is\""));
  }
  if (route.verb == http::verb::post && route.access >= Access::Deployer) {
    list.push_back(parameter("header", "Idempotency-Key", false,
                             "The same key and body within 24 h give the same answer again"));
  }
  if (route.kind == Kind::Events) {
    list.push_back(parameter("header", "Last-Event-ID", false, "Resume after this event"));
  }
  return list;
}

json::object request_body(const Route& route) {
  const bool yaml = route.body == Body::Yaml;
  json::object media{{"schema", yaml ? json::object{{"type", "string"}} : ref("Object")}};
  if (route.if_match && route.schema == "Weights") media["schema"] = ref("WeightsBody");
  if (route.schema == "Version") media["schema"] = ref("VersionBody");
  if (route.schema == "Replay") media["schema"] = ref("ReplayBody");
  return {{"required", route.body != Body::OptionalJson},
          {"content", {{yaml ? "text/yaml" : "application/json", std::move(media)}}}};
}

std::string_view media_type(const Route& route) {
  switch (route.kind) {
    case Kind::Metrics:
      return "text/plain";
    case Kind::Events:
      return "text/event-stream";
    case Kind::Page:
      return "text/html";
    default:
      return "application/json";
  }
}

json::object operation(const Route& route) {
  const bool json_answer = route.kind == Kind::Api || route.kind == Kind::OpenApi;
  json::object schema = json_answer ? ref(route.schema) : json::object{{"type", "string"}};
  json::object success{{"description", route.summary},
                       {"content", {{media_type(route), {{"schema", std::move(schema)}}}}}};
  json::object failure{{"description", "What went wrong and what to do"},
                       {"content", {{"application/problem+json", {{"schema", ref("Problem")}}}}}};
  json::object result{
      {"summary", route.summary},
      {"responses",
       {{std::to_string(route.success), std::move(success)}, {"default", std::move(failure)}}}};
  if (auto list = parameters(route); !list.empty()) result["parameters"] = std::move(list);
  if (route.body != Body::None) result["requestBody"] = request_body(route);
  if (route.access == Access::Open) {
    result["security"] = json::array();
  } else {
    constexpr std::string_view kRoles[] = {"", "viewer", "deployer", "approver", "admin"};
    result["x-role"] = kRoles[static_cast<int>(route.access)];
  }
  return result;
}

json::object shape(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
  json::object properties;
  for (const auto& [name, type] : members) properties[name] = json::object{{"type", type}};
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

// Describes what is recorded of a rollout, and what other limits would have made of it.
json::object recorded_schemas() {
  return {{"Record", shape({{"rollout", "string"},
                            {"service", "string"},
                            {"from", "string"},
                            {"to", "string"},
                            {"plan", "object"},
                            {"guards", "object"},
                            {"ticks", "array"}})},
          {"ReplayBody", shape({{"error_rate", "string"},
                                {"p95", "string"},
                                {"p95_critical", "string"},
                                {"false_rollback", "string"},
                                {"relative", "boolean"},
                                {"relative_tolerance", "string"},
                                {"blame_window", "string"}})},
          {"Replay", shape({{"rollout", "string"},
                            {"outcome", "string"},
                            {"summary", "string"},
                            {"guard", "string"},
                            {"time", "string"},
                            {"step", "integer"},
                            {"requests", "integer"},
                            {"errors", "integer"},
                            {"limits", "object"},
                            {"guards", "array"},
                            {"steps", "array"},
                            {"ticks", "integer"},
                            {"notes", "array"}})}};
}

// The weights of a service: as they are asked for, and as they are answered.
json::object weights_schemas() {
  json::object weights{
      {"type", "object"},
      {"description", "Percent per version, at most 4 decimals, summing to 100"},
      {"additionalProperties", {{"type", "number"}, {"minimum", 0}, {"maximum", 100}}}};
  json::object weights_body{{"type", "object"},
                            {"description",
                             "Percent per version: {\"blue\": 95, \"green\": 5}; with "
                             "\"ttl\": \"15m\" they fall back after it, unless sent again; "
                             "\"force\": true also when the healthy endpoints cannot carry it"},
                            {"additionalProperties", true}};
  json::object view{
      {"type", "object"},
      {"required", {"generation", "weights"}},
      {"properties", {{"generation", {{"type", "integer"}}}, {"weights", std::move(weights)}}}};
  return {{"Service", view}, {"Weights", view}, {"WeightsBody", std::move(weights_body)}};
}

json::object schemas() {
  json::object rollout = shape({{"id", "string"},
                                {"service", "string"},
                                {"from", "string"},
                                {"to", "string"},
                                {"strategy", "string"},
                                {"weight", "number"},
                                {"verdict", "string"},
                                {"reason", "string"},
                                {"step", "integer"},
                                {"steps", "integer"},
                                {"held", "string"},
                                {"waits_for", "object"},
                                {"approval_due", "string"},
                                {"endpoints", "array"},
                                {"plan", "object"}});
  rollout["properties"].as_object()["phase"] = {
      {"type", "string"},
      {"enum",
       {"pending", "preview", "progressing", "paused", "awaiting_approval", "inconclusive",
        "promoting", "baking", "succeeded", "rolling_back", "rolled_back", "aborted"}}};
  json::object all{{"Object", {{"type", "object"}}},
                   {"Services", {{"type", "object"}}},
                   {"VersionBody", shape({{"endpoints", "array"}, {"like", "string"}})},
                   {"Version", shape({{"name", "string"},
                                      {"stable", "boolean"},
                                      {"weight", "number"},
                                      {"locked_out", "boolean"},
                                      {"endpoints", "array"},
                                      {"endpoints_by", "string"},
                                      {"active", "integer"},
                                      {"drained", "boolean"}})},
                   {"Rollout", std::move(rollout)},
                   {"Decisions", {{"type", "object"}}},
                   {"Decision", shape({{"seq", "integer"},
                                       {"time", "string"},
                                       {"service", "string"},
                                       {"action", "string"},
                                       {"cause", "string"},
                                       {"actor", "string"}})},
                   {"Audit", {{"type", "object"}}},
                   {"AuditEntry", shape({{"seq", "integer"},
                                         {"time", "string"},
                                         {"actor", "string"},
                                         {"role", "string"},
                                         {"method", "string"},
                                         {"path", "string"},
                                         {"status", "integer"},
                                         {"request_id", "string"}})},
                   {"Dora", shape({{"window", "string"},
                                   {"deployments", "integer"},
                                   {"succeeded", "integer"},
                                   {"failed", "integer"},
                                   {"deployment_frequency", "object"},
                                   {"lead_time", "object"},
                                   {"change_failure_rate", "object"},
                                   {"time_to_recovery", "object"},
                                   {"success_rate", "object"}})},
                   {"Problem", shape({{"type", "string"},
                                      {"title", "string"},
                                      {"status", "integer"},
                                      {"detail", "string"}})}};
  for (auto& [name, schema] : weights_schemas()) all[name] = std::move(schema);
  for (auto& [name, schema] : recorded_schemas()) all[name] = std::move(schema);
  return all;
}

}  // namespace

json::object openapi(const std::vector<Route>& table) {
  json::object paths;
  for (const Route& route : table) {
    json::value& path = paths[route.pattern];
    if (!path.is_object()) path = json::object();
    std::string verb(http::to_string(route.verb));
    boost::algorithm::to_lower(verb);
    path.as_object()[verb] = operation(route);
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "Cutwater admin API"},
            {"version", CUTWATER_VERSION},
            {"description", "Weights, rollouts, flags and history of a running Cutwater."}}},
          {"security", {{{"bearer", json::array()}}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", schemas()},
            {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace cutwater::control::admin
