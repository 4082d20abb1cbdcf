#include "control/rollout/tasks.hpp"

#include <regex.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <span>

#include "config/shown_url.hpp"
#include "config/units.hpp"
#include "control/base/endpoint_address.hpp"
#include "control/base/hex.hpp"
#include "control/base/http_client.hpp"
#include "control/base/json_text.hpp"
#include "control/health/prober.hpp"
#include "proxy/http/message.hpp"
#include "proxy/routing/hmac_sha256.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kPoll{500};
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{30'000};
constexpr milliseconds kAskAgain{2'000};  // after 202
constexpr std::size_t kQuotedBytes = 200;

asio::awaitable<void> pause_for(milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

bool matches(const std::string& pattern, const std::string& text) {
  regex_t compiled;
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
    return false;
  const bool found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

// Returns one line of what an answer says, for a reason.
std::string quoted_body(const std::string& body) {
  std::string text = body.substr(0, std::min(body.find_first_of("\r\n"), kQuotedBytes));
  return text.empty() ? "" : ": " + text;
}

// Returns "https://10.0.0.7:9443" under the name its certificate has.
std::string url_of(const upstream::Endpoint& endpoint, const config::UpstreamTls& tls) {
  const std::string& url = endpoint.url();
  const auto host = url.find("://") + 3;
  const auto port = url.find(':', url.find(']', host) == url.npos ? host : url.find(']', host));
  if (tls.server_name.empty() || !url.starts_with("https://")) return url;
  return "https://" + tls.server_name + (port == url.npos ? "" : url.substr(port));
}

asio::awaitable<std::string> smoke_one(config::SmokeCheck check,
                                       std::shared_ptr<upstream::Endpoint> endpoint,
                                       config::UpstreamTls tls) {
  HttpRequest request{.method = check.method, .url = url_of(*endpoint, tls) + check.path};
  request.ca_file = tls.ca;
  for (const auto& [name, value] : check.headers) request.fields.emplace_back(name, value);
  request.timeout = check.within;
  request.addresses = {address_of(*endpoint)};
  request.send_proxy = endpoint->options().send_proxy;
  const HttpOutcome outcome = co_await ask_http(std::move(request));
  const std::string what = check.method + " " + check.path + " on " + endpoint->url() + ": ";
  if (!outcome.answer) co_return what + outcome.error;
  const HttpAnswer& answer = *outcome.answer;
  const bool has_header =
      std::any_of(answer.fields.begin(), answer.fields.end(),
                  [&](const auto& field) { return http::iequals(field.first, check.header); });
  const std::string problem =
      smoke_problem(check, {answer.status, answer.field(check.header), has_header, answer.body});
  co_return problem.empty() ? "" : what + problem;
}

bool is_healthy(const std::shared_ptr<upstream::Endpoint>& endpoint) {
  return endpoint->healthy();
}

asio::awaitable<bool> answers_health(config::Health health,
                                     std::shared_ptr<upstream::Endpoint> endpoint,
                                     config::UpstreamTls tls) {
  if (health.enabled) {  // as the endpoint's prober asks
    health::Target target{"", "", endpoint, health};
    const std::optional<std::string> problem = co_await health::ask(std::move(target));
    co_return !problem;
  }
  HttpRequest request{.method = "GET", .url = url_of(*endpoint, tls) + "/"};
  request.ca_file = tls.ca;
  request.timeout = health.timeout;
  request.addresses = {address_of(*endpoint)};
  request.send_proxy = endpoint->options().send_proxy;
  const HttpOutcome outcome = co_await ask_http(std::move(request));
  co_return outcome.answer.has_value();  // any answer shows that somebody is there
}

}  // namespace

std::string smoke_problem(const config::SmokeCheck& check, const HttpAnswerView& answer) {
  if (answer.status != check.status)
    return "answered " + std::to_string(answer.status) + " instead of " +
           std::to_string(check.status) + quoted_body(answer.body);
  if (!check.header.empty() && !answer.has_header) return "has no field " + check.header;
  if (!check.value.empty() && answer.header != check.value)
    return check.header + " is \"" + std::string(answer.header) + "\" instead of \"" + check.value +
           "\"";
  if (!check.body.empty() && answer.body.find(check.body) == std::string::npos)
    return "the body does not contain \"" + check.body + "\"";
  if (!check.body_regex.empty() && !matches(check.body_regex, answer.body))
    return "the body does not match " + check.body_regex;
  return {};
}

asio::awaitable<TaskResult> run_smoke_checks(TaskOrder order) {
  const auto& endpoints = order.endpoints;
  while (std::none_of(endpoints.begin(), endpoints.end(), is_healthy)) co_await pause_for(kPoll);
  std::size_t asked = 0;
  for (const auto& endpoint : endpoints) {
    if (!endpoint->healthy()) continue;
    ++asked;
    for (const auto& check : order.how.smoke) {
      const std::string problem = co_await smoke_one(check, endpoint, order.tls);
      if (!problem.empty()) co_return TaskResult{false, problem};
    }
  }
  co_return TaskResult{true, std::to_string(order.how.smoke.size()) + " smoke checks passed on " +
                                 std::to_string(asked) + " endpoints"};
}

asio::awaitable<TaskResult> await_health(TaskOrder order) {
  const config::Health& health = order.health;
  const auto patience = health.start_period + health.unhealthy_after * health.interval;
  const auto until = Clock::now() + patience;
  for (const auto& endpoint : order.endpoints) {
    for (;;) {
      const bool well = co_await answers_health(health, endpoint, order.tls);
      if (well) break;
      if (Clock::now() >= until)
        co_return TaskResult{false, endpoint->url() + " did not become healthy within " +
                                        config::to_string(patience)};
      co_await pause_for(kPoll);
    }
    endpoint->set_healthy(true);  // the prober may have marked it unhealthy while it was replaced
  }
  co_return TaskResult{true, "healthy"};
}

std::string hook_signature(const std::string& secret, const std::string& body) {
  const auto bytes = [](const std::string& text) {
    return std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  };
  const auto digest = routing::HmacSha256(bytes(secret))(bytes(body));
  return "sha256=" + hex(digest);
}

asio::awaitable<TaskResult> ask_hook(config::Hook hook, std::string body, Patience patience,
                                     TimePoint until) {
  std::uint64_t refusals = 0;
  milliseconds pause = kFirstPause;
  for (;;) {
    if (Clock::now() >= until)
      co_return TaskResult{false, config::shown_url(hook.url) + " has not agreed in time"};
    HttpRequest request{.url = hook.url, .body = body, .timeout = hook.timeout};
    request.fields.emplace_back("Content-Type", "application/json");
    if (!hook.secret.empty())
      request.fields.emplace_back("Cutwater-Signature-256", hook_signature(hook.secret, body));
    const HttpOutcome outcome = co_await ask_http(std::move(request));
    const int status = outcome.answer ? outcome.answer->status : 0;
    if (status == 202) {
      pause = kFirstPause;
      co_await pause_for(kAskAgain);
      continue;
    }
    if (status / 100 == 2) co_return TaskResult{true, "the webhook agreed"};
    // A server in trouble has not said no yet; one that cannot be reached has not said anything.
    const bool no_verdict = status == 0 || status / 100 == 5 || status == 429;
    const bool again = no_verdict && ((status == 0 && patience == Patience::Endless) ||
                                      ++refusals <= hook.retries);
    if (!again)
      co_return TaskResult{false, config::shown_url(hook.url) +
                                      (status == 0 ? ": " + outcome.error
                                                   : " answered " + std::to_string(status) +
                                                         quoted_body(outcome.answer->body))};
    co_await pause_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

asio::awaitable<TaskResult> ask_gates(TaskOrder order, config::Hook::At at) {
  static constexpr const char* kPlaces[] = {"before", "step", "after", "rollback"};
  json::object body{{"event", kPlaces[static_cast<int>(at)]}, {"rollout", order.about}};
  const std::string text = to_text(body);
  for (const auto& hook : order.how.hooks) {
    if (hook.at != at) continue;
    const TaskResult result = co_await ask_hook(hook, text, Patience::Endless);
    if (!result.ok) co_return result;
  }
  co_return TaskResult{true, "the webhook agreed"};
}

asio::awaitable<TaskResult> await_deployment(TaskOrder order) {
  const auto& rolling = order.how.rolling;
  if (!rolling.hook) {
    co_await pause_for(rolling.ready_timeout);
    co_return TaskResult{
        false, "nobody called it ready within " + config::to_string(rolling.ready_timeout)};
  }
  json::array endpoints;
  for (const auto& endpoint : order.endpoints) endpoints.emplace_back(endpoint->url());
  const json::object body{{"event", order.task.undo ? "restore" : "deploy"},
                          {"endpoints", std::move(endpoints)},
                          {"version", order.about.at(order.task.undo ? "from" : "to")},
                          {"rollout", order.about}};
  const TaskResult result = co_await ask_hook(*rolling.hook, to_text(body), Patience::Endless,
                                              Clock::now() + rolling.ready_timeout);
  co_return result;
}

}  // namespace cutwater::control
