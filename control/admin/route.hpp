// Describes one operation of the admin API: the row from which requests are dispatched, access is
// checked and /openapi.json is written. The table is built once and never changes; any thread may
// read it.
#pragma once

#include <boost/beast/http/verb.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "control/operations/resources.hpp"

namespace cutwater::control::admin {

// Holds what a handler gets. It lives in the session's frame until the handler has completed.
struct Call {
  const Resources& resources;
  std::vector<std::string> vars;             // of the pattern's variables, in order,
                                             // percent-decoded
  std::map<std::string, std::string> query;  // percent-decoded
  std::string text;                          // the body as sent
  boost::json::object body;                  // the body parsed, for Json and OptionalJson
  Precondition precondition;
  Actor actor;
  bool dry_run = false;
  std::string if_none_match = {};
};

using Handler = Awaitable<Reply> (*)(Call&);

// With RawJson, the handler reads the body itself and says in its own words what is wrong.
enum class Body { None, OptionalJson, Json, RawJson, Yaml };
// A Probe is answered to whoever asks, however: load balancers send HTTP/1.0, no Host or any Host.
enum class Kind { Api, OpenApi, Metrics, Events, Page, Probe };
// Open needs no token, because a load balancer or a browser's address bar sends none.
enum class Access { Open, Viewer, Deployer, Approver, Admin };

struct Route {
  boost::beast::http::verb verb;
  std::string_view pattern;  // "/v1/services/{service}/weights", "/v1/rollouts/{id}:pause"
  std::string_view summary;
  Handler handler = nullptr;  // set only for Api and Probe
  Access access = Access::Viewer;
  Kind kind = Kind::Api;
  Body body = Body::None;
  bool if_match = false;                     // the operation takes a Precondition
  std::vector<std::string_view> query = {};  // parameters that the operation knows
  std::string_view schema = "Object";        // schema of the answer, in components/schemas
  int success = 200;
  std::string_view request = "NoBody";  // schema of the request's body, likewise
};

// Returns the whole API, in the order in which the documentation shows it.
const std::vector<Route>& routes();

// Picks one member of a collection that a resource gives only as a whole: an array of objects with
// a "name", or an object keyed by name, either bare or below `member`.
Reply pick(Reply all, std::string_view member, const std::string& name);

// Each returns the rows of one resource.
std::vector<Route> service_routes();
std::vector<Route> version_routes();
std::vector<Route> flag_routes();
std::vector<Route> rollout_routes();
std::vector<Route> history_routes();
std::vector<Route> proxy_routes();

struct Matched {
  const Route* route = nullptr;
  std::vector<std::string> vars;
  std::vector<std::string_view> allow;  // methods the path knows; empty = no such path
};
// `target` comes as in the request line. HEAD finds the GET row.
Matched match_route(boost::beast::http::verb verb, std::string_view target);

// Holds the values of the query; `error` names what is wrong (bad escapes, the same name twice).
struct Query {
  std::map<std::string, std::string> values;
  std::string error;
};
Query parse_query(std::string_view target);

// The field may be absent, "*", or one strong entity tag that holds a generation; anything else is
// Unusable (RFC 9110 13.1.1).
Precondition parse_if_match(const std::vector<std::string_view>& headers);

// Writes OpenAPI 3.1 of everything in the table.
boost::json::object openapi(const std::vector<Route>& table);

}  // namespace cutwater::control::admin
