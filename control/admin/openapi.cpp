#include "control/admin/route.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json.hpp>
#include <cctype>

#include "control/admin/openapi_schemas.hpp"

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
  json::object schema = yaml ? json::object{{"type", "string"}} : ref(route.request);
  return {
      {"required", route.body != Body::OptionalJson},
      {"content", {{yaml ? "text/yaml" : "application/json", {{"schema", std::move(schema)}}}}}};
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

std::string lower_verb(const Route& route) {
  std::string verb(http::to_string(route.verb));
  boost::algorithm::to_lower(verb);
  return verb;
}

// Writes "put_services_service_weights", from which generators make the names of functions.
std::string operation_id(const Route& route) {
  std::string id = lower_verb(route);
  std::string_view pattern = route.pattern;
  if (pattern.starts_with("/v1/")) pattern.remove_prefix(3);
  if (pattern == "/") pattern = "/page";
  for (const char c : pattern) {
    const bool word = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (word)
      id += c;
    else if (id.back() != '_')
      id += '_';
  }
  if (id.back() == '_') id.pop_back();
  return id;
}

json::object operation(const Route& route) {
  const bool json_answer =
      route.kind == Kind::Api || route.kind == Kind::Probe || route.kind == Kind::OpenApi;
  json::object schema = json_answer ? ref(route.schema) : json::object{{"type", "string"}};
  json::object success{{"description", route.summary},
                       {"content", {{media_type(route), {{"schema", std::move(schema)}}}}}};
  json::object failure{{"description", "What went wrong and what to do"},
                       {"content", {{"application/problem+json", {{"schema", ref("Problem")}}}}}};
  json::object result{{"operationId", operation_id(route)},
                      {"summary", route.summary},
                      {"responses",
                       {{std::to_string(route.success), std::move(success)},
                        {"4XX", failure},
                        {"default", std::move(failure)}}}};
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

}  // namespace

json::object openapi(const std::vector<Route>& table) {
  json::object paths;
  for (const Route& route : table) {
    json::value& path = paths[route.pattern];
    if (!path.is_object()) path = json::object();
    path.as_object()[lower_verb(route)] = operation(route);
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "Cutwater admin API"},
            {"version", CUTWATER_VERSION},
            {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}},
            {"description", "Weights, rollouts, flags and history of a running Cutwater."}}},
          {"servers", {{{"url", "/"}, {"description", "The address this document came from"}}}},
          {"security", {{{"bearer", json::array()}}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", openapi_schemas()},
            {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace cutwater::control::admin
