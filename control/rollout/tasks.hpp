// Does the outside work of a rollout's tasks: it asks webhooks, smoke checks, health. It runs on
// control's io_context. A task's order holds everything the task needs, so that it can run while
// the configuration and the state change. A task says yes or no once; while it cannot tell (a
// webhook is down, no endpoint is healthy) it goes on asking, until the engine's max_step ends it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "control/rollout/engine.hpp"
#include "proxy/routing/endpoint.hpp"

namespace cutwater::control {

struct TaskOrder {
  Task task;
  std::string rollout;
  boost::json::object about;  // told to hooks: the rollout as GET shows it
  config::RolloutDefaults how;
  config::Health health;
  config::UpstreamTls tls;  // TLS of the endpoints' version
  // These are, for Smoke, all endpoints of the candidate; for Drain, those going out; for Health,
  // those coming in.
  std::vector<std::shared_ptr<upstream::Endpoint>> endpoints;
};

struct TaskResult {
  bool ok = false;
  std::string reason;  // a sentence for a person
};

// Makes every check on every healthy endpoint; waits until there is one.
boost::asio::awaitable<TaskResult> run_smoke_checks(TaskOrder order);
// Waits until every endpoint answers its health path, at most for the start period and as long as a
// prober would take to mark it unhealthy. Marks them healthy.
boost::asio::awaitable<TaskResult> await_health(TaskOrder order);
// Returns yes when every hook at this place agrees. A hook that cannot be reached is asked again
// and again.
boost::asio::awaitable<TaskResult> ask_gates(TaskOrder order, config::Hook::At at);
// Deploys by the hook, or waits for somebody to call `:ready`.
boost::asio::awaitable<TaskResult> await_deployment(TaskOrder order);

// Says what is wrong with an answer to a smoke check; "" when nothing is.
struct HttpAnswerView {
  int status;
  std::string_view header;  // value of the field asked for; empty if it is not there
  bool has_header;
  const std::string& body;
};
std::string smoke_problem(const config::SmokeCheck& check, const HttpAnswerView& answer);

// Returns "sha256=<hex>" of HMAC-SHA-256 over the body, as receivers of GitHub's webhooks check it.
std::string hook_signature(const std::string& secret, const std::string& body);

enum class Patience { Endless, Bounded };  // towards a hook that cannot be reached
// A hook that has not agreed by `until` counts as a refusal.
boost::asio::awaitable<TaskResult> ask_hook(config::Hook hook, std::string body, Patience patience,
                                            TimePoint until = TimePoint::max());

}  // namespace cutwater::control
