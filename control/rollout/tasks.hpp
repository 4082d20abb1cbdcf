// What a rollout's tasks do outside: ask webhooks, smoke checks, health. Thread: control's
// io_context. Everything a task needs is in its order, so that it can run while the configuration
// and the state change. A task says yes or no once; while it cannot tell (a webhook is down, no
// endpoint is healthy) it goes on asking, and the engine's max_step is the end of its patience.
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
  boost::json::object about;  // what hooks are told: the rollout as GET shows it
  config::RolloutDefaults how;
  config::Health health;
  config::UpstreamTls tls;  // of their version
  // Smoke: all of the candidate; Drain: those going out; Health: those coming in.
  std::vector<std::shared_ptr<upstream::Endpoint>> endpoints;
};

struct TaskResult {
  bool ok = false;
  std::string reason;  // a sentence for a person
};

// Every check on every healthy endpoint; waits until there is one.
boost::asio::awaitable<TaskResult> run_smoke_checks(TaskOrder order);
// Every endpoint answers its health path; at most the start period and as long as a prober would
// take to give it up. Marks them healthy.
boost::asio::awaitable<TaskResult> await_health(TaskOrder order);
// Every hook at this place agrees. One that cannot be reached is asked again and again.
boost::asio::awaitable<TaskResult> ask_gates(TaskOrder order, config::Hook::At at);
// Deploys by the hook, or waits for somebody to call `:ready`.
boost::asio::awaitable<TaskResult> await_deployment(TaskOrder order);

// What is wrong with an answer to a smoke check; "" when nothing is.
struct HttpAnswerView {
  int status;
  std::string_view header;  // value of the field asked for; empty: not there
  bool has_header;
  const std::string& body;
};
std::string smoke_problem(const config::SmokeCheck& check, const HttpAnswerView& answer);

// "sha256=<hex>" of HMAC-SHA-256 over the body, as receivers of GitHub's webhooks check it.
std::string hook_signature(const std::string& secret, const std::string& body);

enum class Patience { Endless, Bounded };  // towards a hook that cannot be reached
// `until`: then it has not agreed.
boost::asio::awaitable<TaskResult> ask_hook(config::Hook hook, std::string body, Patience patience,
                                            TimePoint until = TimePoint::max());

}  // namespace cutwater::control
