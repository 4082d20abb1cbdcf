// Implements the proxy as a whole: configuration, drain, health, metrics, documentation, status
// page.
#include "control/admin/route.hpp"

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace {

Awaitable<Reply> get_config(Call& call) {
  co_return call.resources.configuration.config();
}

Awaitable<Reply> validate_config(Call& call) {
  co_return call.resources.configuration.validate(call.text);
}

Awaitable<Reply> reload_config(Call& call) {
  return call.resources.configuration.reload(call.actor);
}

Awaitable<Reply> get_proxy(Call& call) {
  co_return call.resources.proxy.proxy();
}

Awaitable<Reply> drain_proxy(Call& call) {
  return call.resources.proxy.drain(call.actor);
}

Awaitable<Reply> live(Call& call) {
  if (!call.resources.proxy.live()) co_return problem(503, "not_live", "Restart this process.");
  co_return Reply{.body = boost::json::object{{"live", true}}, .etag = {}, .location = {}};
}

Awaitable<Reply> ready(Call& call) {
  if (!call.resources.proxy.ready()) {
    co_return problem(503, "not_ready", "Starting or draining: send no new traffic here.");
  }
  co_return Reply{.body = boost::json::object{{"ready", true}}, .etag = {}, .location = {}};
}

Route page(std::string_view path, std::string_view summary) {
  return {.verb = http::verb::get,
          .pattern = path,
          .summary = summary,
          .access = Access::Open,
          .kind = Kind::Page};
}

}  // namespace

std::vector<Route> proxy_routes() {
  constexpr auto kGet = http::verb::get;
  constexpr auto kPost = http::verb::post;
  return {
      {.verb = kGet,
       .pattern = "/v1/config",
       .summary = "The running configuration; secrets masked",
       .handler = get_config},
      {.verb = kPost,
       .pattern = "/v1/config:validate",
       .summary = "Check a configuration (the YAML is the body) without using it",
       .handler = validate_config,
       // Viewers may not call it: it resolves ${env:} and ${file:}, so it can probe what exists
       // here.
       .access = Access::Deployer,
       .body = Body::Yaml},
      {.verb = kPost,
       .pattern = "/v1/config:reload",
       .summary = "Read the configuration file again; all of it is used or nothing",
       .handler = reload_config,
       .access = Access::Admin,
       .body = Body::OptionalJson},
      {.verb = kGet,
       .pattern = "/v1/proxy",
       .summary = "Version, uptime, generation, listeners, workers",
       .handler = get_proxy},
      {.verb = kPost,
       .pattern = "/v1/proxy:drain",
       .summary = "Finish what is in flight and exit, like SIGTERM",
       .handler = drain_proxy,
       .access = Access::Admin,
       .body = Body::OptionalJson,
       .success = 202},
      {.verb = kGet,
       .pattern = "/livez",
       .summary = "200 while the process works",
       .handler = live,
       .access = Access::Open,
       .kind = Kind::Probe},
      {.verb = kGet,
       .pattern = "/readyz",
       .summary = "200 while new traffic is welcome",
       .handler = ready,
       .access = Access::Open,
       .kind = Kind::Probe},
      {.verb = kGet,
       .pattern = "/metrics",
       .summary = "Prometheus text exposition",
       .kind = Kind::Metrics},
      {.verb = kGet, .pattern = "/openapi.json", .summary = "This document", .kind = Kind::OpenApi},
      page("/", "Status page"),
      page("/ui.js", "Script of the status page"),
      page("/ui.css", "Style of the status page"),
  };
}

}  // namespace cutwater::control::admin
