#include "control/operations/configuration.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "config/diff.hpp"
#include "config/show.hpp"
#include "control/base/problems_json.hpp"
#include "control/operations/replies.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;

ConfigurationOperations::ConfigurationOperations(ConfigurationSource source, Services& services,
                                                 Steering& steering, Takeover& takeover,
                                                 const Clocks& clocks)
    : source_(std::move(source)),
      services_(services),
      steering_(steering),
      takeover_(takeover),
      clocks_(clocks) {
  if (!source_.load) source_.load = [path = source_.path] { return config::load(path); };
}

Reply ConfigurationOperations::config() {
  Reply reply;
  json::object out{{"path", source_.path}};
  out["config"] = json::parse(config::show_json(services_.config(), services_.operations()));
  reply.body = std::move(out);
  return reply;
}

Reply ConfigurationOperations::validate(const std::string& yaml) {
  const auto parsed = config::parse(yaml, "request", config::system_sources());
  if (!parsed.problems.empty())
    return problem(422, "invalid_config",
                   std::to_string(parsed.problems.size()) +
                       " problem(s); the first: " + config::to_string(parsed.problems.front()),
                   {{"problems", problems_json(parsed.problems)}});
  Reply reply;
  reply.body = json::object{{"valid", true}};
  return reply;
}

Awaitable<Reply> ConfigurationOperations::reload(Actor actor) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  last_reload_ok_ = false;
  config::Parsed parsed = source_.load();
  if (!parsed.problems.empty()) co_return config_refused(parsed.problems);
  if (const auto names = config::restart_needed(services_.config(), *parsed.config);
      !names.empty()) {
    std::vector<config::Problem> problems;
    for (const auto& name : names)
      problems.push_back({source_.path, 0, 0, "`" + name + "` can only change with a restart"});
    co_return config_refused(problems);
  }
  NextConfig next = takeover_.fit(std::move(*parsed.config));
  if (!next.problems.empty()) co_return config_refused(next.problems);
  const Why why{"reloaded", "manual", "configuration reloaded by " + actor.name, actor.name};
  next.change.decisions.push_back(decision_of("", why, clocks_.wall_ms()));
  const auto failed = co_await takeover_.take_over(std::move(next));
  if (failed) co_return not_taken(*failed);

  services_.set_operations(std::move(parsed.operations));
  last_reload_ok_ = true;
  spdlog::info("configuration reloaded generation={} actor={}", steering_.snapshot()->generation,
               actor.name);
  steering_.events().publish(
      "config", {{"generation", steering_.snapshot()->generation}, {"actor", actor.name}});
  if (source_.on_reloaded) source_.on_reloaded();
  Reply reply;
  reply.body = json::object{{"reloaded", true}, {"generation", steering_.snapshot()->generation}};
  co_return reply;
}

}  // namespace cutwater::control
