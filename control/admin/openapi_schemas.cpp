// The schemas of /openapi.json: what requests bring and what answers have. Members that a script
// should not rely on are left out; README.md says what may change.
#include "control/admin/openapi_schemas.hpp"

namespace cutwater::control::admin {
namespace json = boost::json;
namespace {

// The bodies of requests.
constexpr std::string_view kRequests = R"json({
"NoBody": {"type": "object", "description": "Nothing is read from it"},
"ReasonBody": {
  "type": "object",
  "properties": {"reason": {"type": "string", "description": "Kept in the history"}},
  "additionalProperties": false},
"CommandBody": {
  "type": "object",
  "properties": {
    "reason": {"type": "string", "description": "Kept in the history"},
    "force": {"type": "boolean",
      "description": "Also outside the deployment windows and beyond the capacity"},
    "undo": {"type": "boolean", "description": "With :ready: the old version is back"}},
  "additionalProperties": false},
"WeightsBody": {
  "type": "object",
  "description": "Percent by version, together exactly 100; a version that is missing has 0",
  "properties": {
    "ttl": {"type": "string", "description": "1s to 30d: the weights fall back after this time"},
    "force": {"type": "boolean",
      "description": "Also when the healthy endpoints cannot carry it"}},
  "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100},
  "example": {"blue": 95, "green": 5}},
"VersionBody": {
  "type": "object",
  "required": ["endpoints"],
  "properties": {
    "endpoints": {"type": "array", "minItems": 1,
      "items": {"type": "string", "example": "http://10.0.0.7:8080"}},
    "like": {"type": "string",
      "description": "A new version is spoken to (TLS, protocol) as this one; else as stable"}},
  "additionalProperties": false},
"Share": {
  "description": "Percent as a number, or a text such as \"5%\"",
  "oneOf": [{"type": "number", "minimum": 0, "maximum": 100}, {"type": "string"}]},
"RolloutStep": {
  "oneOf": [
    {"$ref": "#/components/schemas/Share"},
    {"type": "object",
     "required": ["weight"],
     "properties": {
       "weight": {"$ref": "#/components/schemas/Share"},
       "bake": {"type": "string"},
       "guards": {"type": "object",
         "properties": {
           "error_rate": {"$ref": "#/components/schemas/Share"},
           "p95": {"type": "string"},
           "p95_critical": {"type": "string"}}}},
     "additionalProperties": false}]},
"RolloutBody": {
  "type": "object",
  "required": ["to"],
  "properties": {
    "to": {"type": "string", "description": "The new version"},
    "strategy": {"type": "string", "enum": ["canary", "blue_green", "rolling"]},
    "steps": {"type": "array", "minItems": 1, "maxItems": 100,
      "items": {"$ref": "#/components/schemas/RolloutStep"}},
    "bake": {"type": "string", "description": "Least time at each step, such as 60s"},
    "max_step": {"type": "string", "description": "Longest time at a step without a verdict"},
    "on_inconclusive": {"type": "string", "enum": ["hold", "extend", "promote", "rollback"]},
    "approval": {"type": "array", "items": {"$ref": "#/components/schemas/Share"},
      "description": "Steps that wait for a person; 0 is the preview"},
    "holdback": {"$ref": "#/components/schemas/Share"},
    "keep_old": {"type": "string", "description": "So long the old version is kept"},
    "max_unavailable": {"type": "integer", "minimum": 1, "maximum": 1000},
    "retry": {"type": "boolean", "description": "Also if the version was rolled back before"},
    "force": {"type": "boolean",
      "description": "Also outside the deployment windows and beyond the capacity"},
    "commit_time": {"type": "string", "format": "date-time"}},
  "additionalProperties": false,
  "example": {"to": "green", "steps": [5, 25, 100], "bake": "60s"}},
"ReplayBody": {
  "type": "object",
  "properties": {
    "error_rate": {"$ref": "#/components/schemas/Share"},
    "p95": {"type": "string"},
    "p95_critical": {"type": "string"},
    "false_rollback": {"$ref": "#/components/schemas/Share"},
    "relative": {"type": "boolean"},
    "relative_tolerance": {"$ref": "#/components/schemas/Share"},
    "blame_window": {"type": "string"}},
  "additionalProperties": false},
"ExplainBody": {
  "type": "object",
  "properties": {
    "host": {"type": "string"},
    "path": {"type": "string", "default": "/"},
    "method": {"type": "string", "default": "GET"},
    "headers": {"type": "object", "additionalProperties": {"type": "string"}},
    "cookies": {"type": "object", "additionalProperties": {"type": "string"}},
    "client_ip": {"type": "string",
      "description": "Else what X-Forwarded-For names, if a listener trusts proxies"}},
  "additionalProperties": false},
"FlagBody": {
  "type": "object",
  "properties": {
    "enabled": {"type": "boolean"},
    "percentage": {"type": "number", "minimum": 0, "maximum": 100},
    "arms": {"type": "object", "description": "Percent by version, together exactly 100",
      "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100}},
    "allow": {"type": "array", "items": {"type": "string"}},
    "deny": {"type": "array", "items": {"type": "string"}},
    "ramping": {"type": "boolean"}}},
"MirrorBody": {
  "type": "object",
  "required": ["share"],
  "properties": {"share": {"type": "number", "minimum": 0, "maximum": 100}},
  "additionalProperties": false},
"NotifyTestBody": {
  "type": "object",
  "properties": {"channel": {"type": "string", "description": "Only this one of `notify:`"}},
  "additionalProperties": false},
"EvaluationBody": {
  "type": "object",
  "properties": {"context": {"type": "object",
    "properties": {"targetingKey": {"type": "string"}}}}}
})json";

// The bodies of answers.
constexpr std::string_view kAnswers = R"json({
"Object": {"type": "object"},
"Problem": {
  "type": "object",
  "properties": {
    "type": {"type": "string", "example": "about:blank#rollout_active"},
    "title": {"type": "string"},
    "status": {"type": "integer"},
    "detail": {"type": "string", "description": "A sentence for a person"}}},
"Percents": {
  "type": "object",
  "description": "Percent by version; null where nothing was measured",
  "additionalProperties": {"type": ["number", "null"]}},
"Weights": {
  "type": "object",
  "required": ["generation", "weights"],
  "properties": {
    "generation": {"type": "integer"},
    "weights": {"$ref": "#/components/schemas/Percents"},
    "lease": {"type": "object",
      "properties": {
        "expires": {"type": "string"},
        "falls_back_to": {"$ref": "#/components/schemas/Percents"},
        "actor": {"type": "string"}}}}},
"Withdrawal": {
  "type": ["object", "null"],
  "description": "The decision that took the traffic of a version",
  "properties": {
    "time": {"type": "string"},
    "decision": {"type": ["integer", "null"], "description": "Its seq; null if it is not known"},
    "action": {"type": "string", "enum": ["rolled_back", "drained"]},
    "cause": {"type": "string"},
    "reason": {"type": "string"},
    "actor": {"type": "string"}}},
"Endpoint": {
  "type": "object",
  "properties": {
    "url": {"type": "string"},
    "healthy": {"type": "boolean"},
    "in_service": {"type": "boolean"},
    "down_since": {"type": ["string", "null"]},
    "why": {"type": ["string", "null"]}}},
"Version": {
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "stable": {"type": "boolean"},
    "weight": {"type": "number"},
    "weight_actual": {"type": ["number", "null"], "description": "Of the last 60 s"},
    "weight_actual_10s": {"type": ["number", "null"]},
    "locked_out": {"type": "boolean"},
    "lock_out": {"$ref": "#/components/schemas/Withdrawal"},
    "endpoints": {"type": "array", "items": {"$ref": "#/components/schemas/Endpoint"}},
    "endpoints_by": {"type": "string", "enum": ["file", "api"]},
    "verdict": {"type": ["string", "null"]},
    "active": {"type": "integer"},
    "drained": {"type": "boolean"}}},
"Unavailable": {
  "type": "object",
  "description": "Requests answered with 503, because no endpoint was there",
  "properties": {
    "total": {"type": "integer"}, "10s": {"type": "integer"}, "60s": {"type": "integer"}}},
"Service": {
  "type": "object",
  "required": ["generation", "weights"],
  "properties": {
    "name": {"type": "string"},
    "generation": {"type": "integer"},
    "weights": {"$ref": "#/components/schemas/Percents"},
    "weights_actual": {"$ref": "#/components/schemas/Percents"},
    "weights_actual_10s": {"$ref": "#/components/schemas/Percents"},
    "stable": {"type": "string"},
    "versions": {"type": "array", "items": {"$ref": "#/components/schemas/Version"}},
    "unavailable": {"$ref": "#/components/schemas/Unavailable"},
    "rollout": {"oneOf": [{"$ref": "#/components/schemas/Rollout"}, {"type": "null"}]},
    "last_rollout": {"type": ["object", "null"],
      "properties": {
        "id": {"type": "string"},
        "from": {"type": "string"},
        "to": {"type": "string"},
        "phase": {"$ref": "#/components/schemas/Phase"},
        "finished": {"type": ["string", "null"]},
        "reason": {"type": "string"},
        "taken_back": {"$ref": "#/components/schemas/Withdrawal"}}}}},
"Services": {
  "type": "object",
  "properties": {
    "services": {"type": "array", "items": {"$ref": "#/components/schemas/Service"}}}},
"Phase": {
  "type": "string",
  "enum": ["pending", "preview", "progressing", "paused", "awaiting_approval", "inconclusive",
    "promoting", "baking", "succeeded", "rolling_back", "rolled_back", "aborted"]},
"Rollout": {
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "service": {"type": "string"},
    "from": {"type": "string"},
    "to": {"type": "string"},
    "strategy": {"type": "string"},
    "phase": {"$ref": "#/components/schemas/Phase"},
    "weight": {"type": "number"},
    "verdict": {"type": "string"},
    "cause": {"type": "string"},
    "reason": {"type": "string"},
    "step": {"type": "integer"},
    "steps": {"type": "integer"},
    "held": {"type": ["string", "null"]},
    "actor": {"type": "string"},
    "started": {"type": ["string", "null"]},
    "finished": {"type": ["string", "null"]},
    "waits_for": {"type": ["object", "null"]},
    "approval_due": {"type": ["string", "null"]},
    "taken_back": {"$ref": "#/components/schemas/Withdrawal"},
    "endpoints": {"type": "array", "items": {"type": "object"}},
    "plan": {"type": "object"}}},
"Decision": {
  "type": "object",
  "properties": {
    "seq": {"type": "integer"},
    "time": {"type": "string"},
    "service": {"type": "string"},
    "rollout": {"type": ["string", "null"]},
    "action": {"type": "string"},
    "cause": {"type": "string"},
    "actor": {"type": "string"},
    "reason": {"type": "string"},
    "evidence": {"type": "object"},
    "before": {"type": "object"},
    "after": {"type": "object"}}},
"Decisions": {
  "type": "object",
  "properties": {
    "decisions": {"type": "array", "items": {"$ref": "#/components/schemas/Decision"}}}},
"AuditEntry": {
  "type": "object",
  "properties": {
    "seq": {"type": "integer"},
    "time": {"type": "string"},
    "actor": {"type": "string"},
    "role": {"type": "string"},
    "method": {"type": "string"},
    "path": {"type": "string"},
    "status": {"type": "integer"},
    "request_id": {"type": "string"}}},
"Audit": {
  "type": "object",
  "properties": {
    "audit": {"type": "array", "items": {"$ref": "#/components/schemas/AuditEntry"}}}},
"Dora": {
  "type": "object",
  "properties": {
    "window": {"type": "string"},
    "deployments": {"type": "integer"},
    "succeeded": {"type": "integer"},
    "failed": {"type": "integer"},
    "deployment_frequency": {"type": "object"},
    "lead_time": {"type": "object"},
    "change_failure_rate": {"type": "object"},
    "time_to_recovery": {"type": "object"},
    "success_rate": {"type": "object"}}},
"Explanation": {
  "type": "object",
  "properties": {
    "service": {"type": "string"},
    "version": {"type": "string"},
    "available": {"type": "boolean", "description": "false: the proxy answers 503 itself"},
    "client": {"type": ["string", "null"], "description": "null: nobody knows the client"},
    "reason": {"type": "string"},
    "rule": {"type": "string"},
    "flag": {"type": ["string", "null"]},
    "bucket": {"type": ["number", "null"]},
    "weight": {"type": "number"},
    "sets_cookie": {"type": "boolean"},
    "text": {"type": "string"}}},
"Record": {
  "type": "object",
  "properties": {
    "rollout": {"type": "string"},
    "service": {"type": "string"},
    "from": {"type": "string"},
    "to": {"type": "string"},
    "plan": {"type": "object"},
    "guards": {"type": "object"},
    "ticks": {"type": "array", "items": {"type": "object"}}}},
"Replay": {
  "type": "object",
  "properties": {
    "rollout": {"type": "string"},
    "outcome": {"type": "string"},
    "summary": {"type": "string"},
    "guard": {"type": ["string", "null"]},
    "time": {"type": ["string", "null"]},
    "step": {"type": ["integer", "null"]},
    "requests": {"type": "integer"},
    "errors": {"type": "integer"},
    "limits": {"type": "object"},
    "guards": {"type": "array", "items": {"type": "object"}},
    "steps": {"type": "array", "items": {"type": "object"}},
    "ticks": {"type": "integer"},
    "notes": {"type": "array", "items": {"type": "string"}}}}
})json";

}  // namespace

json::object openapi_schemas() {
  json::object all = json::parse(kRequests).as_object();
  json::object answers = json::parse(kAnswers).as_object();
  for (auto& [name, schema] : answers) all[name] = std::move(schema);
  return all;
}

}  // namespace cutwater::control::admin
