#include "control/store/records.hpp"

namespace cutwater::control {
namespace json = boost::json;

json::object weights_to_json(const std::map<std::string, Share>& weights) {
  json::object out;
  for (const auto& [version, share] : weights) out[version] = share.millionths;
  return out;
}

std::optional<std::map<std::string, Share>> weights_from_json(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  std::map<std::string, Share> out;
  for (const auto& [version, share] : *object) {
    const auto* number = share.if_int64();
    if (number == nullptr || *number < 0 || *number > Share::kWhole) return std::nullopt;
    out[std::string(version)] = Share{static_cast<std::int32_t>(*number)};
  }
  return out;
}

json::object to_json(const ServiceState& state) {
  json::array locked;
  for (const auto& version : state.locked_out) locked.emplace_back(version);
  json::object flags;
  for (const auto& [name, enabled] : state.flags) flags[name] = enabled;
  return {{"name", state.name},
          {"weights", weights_to_json(state.weights)},
          {"stable", state.stable},
          {"last_good", state.last_good},
          {"salt", std::to_string(state.salt)},  // 64 bits do not fit a JSON number everywhere
          {"generation", state.generation},
          {"locked_out", std::move(locked)},
          {"flags", std::move(flags)}};
}

std::optional<ServiceState> service_state_from_json(const json::value& value) try {
  const json::object& in = value.as_object();
  ServiceState state;
  state.name = std::string(in.at("name").as_string());
  auto weights = weights_from_json(in.at("weights"));
  if (!weights) return std::nullopt;
  state.weights = std::move(*weights);
  state.stable = std::string(in.at("stable").as_string());
  state.last_good = std::string(in.at("last_good").as_string());
  state.salt = std::stoull(std::string(in.at("salt").as_string()));
  state.generation = in.at("generation").to_number<std::uint64_t>();
  for (const auto& version : in.at("locked_out").as_array())
    state.locked_out.emplace(version.as_string());
  for (const auto& [name, enabled] : in.at("flags").as_object())
    state.flags[std::string(name)] = enabled.as_bool();
  return state;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
