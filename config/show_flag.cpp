#include "config/show_flag.hpp"

#include "config/show_rollout.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace json = boost::json;
namespace {

json::array list_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::object show_ramp(const FlagRamp& ramp) {
  json::array steps;
  for (const Share step : ramp.steps) steps.emplace_back(to_string(step));
  json::object shown{{"steps", std::move(steps)},
                     {"bake", to_string(ramp.bake)},
                     {"max_step", to_string(ramp.max_step)}};
  if (ramp.guards.any()) shown["guards"] = show(ramp.guards);
  return shown;
}

json::object show_flag(const Flag& flag) {
  json::object shown{{"name", flag.name}};
  if (flag.when) shown["when"] = show_condition(*flag.when);
  if (flag.percentage) shown["percentage"] = to_string(*flag.percentage);
  if (flag.key) shown["key"] = to_string(*flag.key);
  if (!flag.allow.empty()) shown["allow"] = show_ids(flag.allow);
  if (!flag.deny.empty()) shown["deny"] = show_ids(flag.deny);
  json::object arms;
  for (const FlagArm& arm : flag.arms) arms[arm.version] = to_string(arm.share);
  if (!arms.empty()) shown["arms"] = std::move(arms);
  if (!flag.version.empty()) shown["version"] = flag.version;
  if (flag.ramp) shown["ramp"] = show_ramp(*flag.ramp);
  shown["enabled"] = flag.enabled;
  return shown;
}

}  // namespace

std::string to_string(const FlagKey& key) {
  switch (key.kind) {
    case FlagKey::Kind::Sticky:
      return "sticky";
    case FlagKey::Kind::Header:
      return "header:" + key.name;
    case FlagKey::Kind::Cookie:
      return "cookie:" + key.name;
    case FlagKey::Kind::ClientIp:
      return "client_ip";
  }
  return "";
}

json::object show_condition(const FlagCondition& condition) {
  const char* source = condition.source == FlagCondition::Source::Cookie ? "cookie" : "header";
  const IdList& values = condition.values;
  if (!values.file().empty()) return {{source, condition.name}, {"file", values.file()}};
  if (values.ids().size() == 1) return {{source, condition.name + "=" + values.ids().front()}};
  return {{source, condition.name}, {"in", list_of(values.ids())}};
}

json::value show_ids(const IdList& ids) {
  if (!ids.file().empty()) return json::object{{"file", ids.file()}};
  return list_of(ids.ids());
}

json::array show_flags(const std::vector<Flag>& flags) {
  json::array shown;
  for (const Flag& flag : flags) shown.push_back(show_flag(flag));
  return shown;
}

json::object show_mirror(const Mirror& mirror) {
  return {{"version", mirror.version},
          {"share", to_string(mirror.share)},
          {"methods", list_of(mirror.methods)},
          {"max_body", size_to_string(mirror.max_body)},
          {"concurrency", mirror.concurrency}};
}

}  // namespace cutwater::config
