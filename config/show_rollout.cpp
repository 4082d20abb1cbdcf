#include "config/show_rollout.hpp"

#include <boost/json/array.hpp>
#include <cstdio>
#include <cstdlib>

#include "config/shown_url.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace json = boost::json;

std::string show(RolloutDefaults::OnInconclusive what) {
  using enum RolloutDefaults::OnInconclusive;
  switch (what) {
    case Hold:
      return "hold";
    case Extend:
      return "extend";
    case Promote:
      return "promote";
    case Rollback:
      return "rollback";
  }
  return "";
}

json::object show(const GuardLimits& guards) {
  json::object shown;
  if (guards.error_rate) shown["error_rate"] = to_string(*guards.error_rate);
  if (guards.p95) shown["p95"] = to_string(*guards.p95);
  if (guards.p95_critical) shown["p95_critical"] = to_string(*guards.p95_critical);
  return shown;
}

namespace {

json::value show(const RolloutStep& step) {
  if (!step.bake && !step.guards.any()) return json::string(to_string(step.weight));
  json::object shown{{"weight", to_string(step.weight)}};
  if (step.bake) shown["bake"] = to_string(*step.bake);
  if (step.guards.any()) shown["guards"] = show(step.guards);
  return shown;
}

json::object show(const Preview& preview) {
  json::object shown;
  if (preview.by == Preview::By::Host)
    shown["host"] = preview.value;
  else
    shown[preview.by == Preview::By::Header ? "header" : "cookie"] =
        preview.key + "=" + preview.value;
  shown["bake"] = to_string(preview.bake);
  return shown;
}

json::object show(const SmokeCheck& check) {
  json::object shown{{"method", check.method},
                     {"path", check.path},
                     {"status", check.status},
                     {"within", to_string(check.within)}};
  if (!check.headers.empty()) {
    json::object headers;
    for (const auto& [name, value] : check.headers) headers[name] = value;
    shown["headers"] = std::move(headers);
  }
  if (!check.header.empty())
    shown["header"] = check.value.empty() ? check.header : check.header + "=" + check.value;
  if (!check.body.empty()) shown["body"] = check.body;
  if (!check.body_regex.empty()) shown["body_regex"] = check.body_regex;
  return shown;
}

json::object show(const Hook& hook, bool with_place) {
  static constexpr const char* kPlaces[] = {"before", "step", "after", "rollback"};
  json::object shown;
  if (with_place) shown["at"] = kPlaces[static_cast<int>(hook.at)];
  shown["url"] = shown_url(hook.url);
  if (!hook.secret_origin.empty()) shown["secret"] = hook.secret_origin;
  shown["timeout"] = to_string(hook.timeout);
  shown["retries"] = hook.retries;
  return shown;
}

json::object show(const RollingDefaults& rolling) {
  json::object shown{{"max_unavailable", rolling.max_unavailable},
                     {"drain_timeout", to_string(rolling.drain_timeout)},
                     {"ready_timeout", to_string(rolling.ready_timeout)}};
  if (rolling.hook) shown["hook"] = show(*rolling.hook, false);
  return shown;
}

template <typename Items, typename Show>
json::array list_of(const Items& items, Show&& show_one) {
  json::array list;
  for (const auto& item : items) list.push_back(show_one(item));
  return list;
}

}  // namespace

std::string show_utc_offset(int minutes) {
  char text[16];
  std::snprintf(text, sizeof text, "%c%02d:%02d", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                std::abs(minutes) % 60);
  return text;
}

json::object show_rollout(const RolloutDefaults& rollout) {
  const auto text = [](Share share) { return json::value(json::string(to_string(share))); };
  json::object shown{
      {"strategy", rollout.strategy},
      {"steps", list_of(rollout.steps, [](const RolloutStep& step) { return show(step); })},
      {"bake", to_string(rollout.bake)},
      {"max_step", to_string(rollout.max_step)},
      {"on_inconclusive", show(rollout.on_inconclusive)},
      {"approval", list_of(rollout.approval, text)},
      {"four_eyes", rollout.four_eyes},
      {"approval_expiry", to_string(rollout.approval_expiry)},
      {"holdback", to_string(rollout.holdback)},
      {"windows",
       list_of(rollout.windows,
               [](const Window& window) { return json::value(json::string(window.text)); })},
      {"utc_offset", show_utc_offset(rollout.utc_offset_minutes)},
      {"smoke", list_of(rollout.smoke, [](const SmokeCheck& check) { return show(check); })},
      {"keep_old", to_string(rollout.keep_old)},
      {"rolling", show(rollout.rolling)},
      {"hooks", list_of(rollout.hooks, [](const Hook& hook) { return show(hook, true); })}};
  if (rollout.adaptive)
    shown["adaptive"] = json::object{{"failed_requests", rollout.adaptive->failed_requests},
                                     {"least", to_string(rollout.adaptive->least)},
                                     {"most", to_string(rollout.adaptive->most)}};
  if (rollout.preview) shown["preview"] = show(*rollout.preview);
  if (rollout.max_share_per_endpoint)
    shown["capacity"] =
        json::object{{"max_share_per_endpoint", to_string(*rollout.max_share_per_endpoint)}};
  return shown;
}

}  // namespace cutwater::config
