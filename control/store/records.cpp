#include "control/store/records.hpp"

#include "control/base/json_member.hpp"

namespace cutwater::control {
namespace json = boost::json;

json::object weights_to_json(const std::map<std::string, Share>& weights) {
  json::object out;
  for (const auto& [version, share] : weights) out[version] = share.millionths;
  return out;
}

bool same_traffic(const std::map<std::string, Share>& a, const std::map<std::string, Share>& b) {
  const auto covered = [](const auto& these, const auto& by) {
    for (const auto& [version, share] : these) {
      const auto other = by.find(version);
      if (share != (other == by.end() ? Share{} : other->second)) return false;
    }
    return true;
  };
  return covered(a, b) && covered(b, a);
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

namespace {

json::object to_json(const Lease& lease) {
  return {{"weights", weights_to_json(lease.weights)},
          {"before", weights_to_json(lease.before)},
          {"expires_ms", lease.expires_ms},
          {"actor", lease.actor}};
}

// Throws like at() when something is missing.
Lease lease_from_json(const json::object& in) {
  Lease lease;
  lease.weights = weights_from_json(in.at("weights")).value();
  lease.before = weights_from_json(in.at("before")).value();
  lease.expires_ms = in.at("expires_ms").to_number<std::int64_t>();
  lease.actor = std::string(in.at("actor").as_string());
  return lease;
}

json::object to_json(const std::map<std::string, Withdrawal>& all) {
  json::object out;
  for (const auto& [version, withdrawal] : all) out[version] = control::to_json(withdrawal);
  return out;
}

using UrlsByVersion = std::map<std::string, std::set<std::string>>;

json::object to_json(const UrlsByVersion& all) {
  json::object out;
  for (const auto& [version, urls] : all) out[version] = json_texts(urls);
  return out;
}

UrlsByVersion urls_from_json(const json::object& in) {
  UrlsByVersion all;
  for (const auto& [version, urls] : in)
    for (auto& url : texts_from_json(urls)) all[std::string(version)].insert(std::move(url));
  return all;
}

}  // namespace

Withdrawal withdrawal_by(const Decision& decision) {
  return {decision.seq,   decision.time,   decision.action,
          decision.cause, decision.reason, decision.actor};
}

json::object to_json(const Withdrawal& withdrawal) {
  return {{"decision", withdrawal.decision}, {"time", withdrawal.time},
          {"action", withdrawal.action},     {"cause", withdrawal.cause},
          {"reason", withdrawal.reason},     {"actor", withdrawal.actor}};
}

Withdrawal withdrawal_from_json(const json::object& in) {
  return {in.at("decision").to_number<std::uint64_t>(),
          text_at(in, "time"),
          text_at(in, "action"),
          text_at(in, "cause"),
          text_at(in, "reason"),
          text_at(in, "actor")};
}

void number_withdrawal(Withdrawal& withdrawal, const std::string& service,
                       const std::vector<Decision>& stored) {
  if (withdrawal.decision != 0) return;
  for (const Decision& decision : stored)
    if (decision.service == service && decision.time == withdrawal.time &&
        decision.action == withdrawal.action && decision.reason == withdrawal.reason)
      withdrawal.decision = decision.seq;
}

const FlagState* ServiceState::find_flag(const std::string& flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? nullptr : &found->second;
}

bool ServiceState::in_service(const std::string& version, const std::string& url) const {
  const auto off = off_duty.find(version);
  return off == off_duty.end() || !off->second.contains(url);
}

bool ServiceState::can_go_back() const {
  const auto all = weights.find(stable);
  return keep_old_until_ms != 0 && !last_good.empty() && !locked_out.contains(last_good) &&
         all != weights.end() && all->second == Share::percent(100);
}

json::object to_json(const ServiceState& state) {
  json::object flags;
  for (const auto& [name, flag] : state.flags) flags[name] = to_json(flag);
  json::object versions;
  for (const auto& [name, version] : state.versions) versions[name] = to_json(version);
  json::object out{
      {"name", state.name},
      {"weights", weights_to_json(state.weights)},
      {"stable", state.stable},
      {"last_good", state.last_good},
      {"salt", std::to_string(state.salt)},  // 64 bits do not fit a JSON number everywhere
      {"generation", state.generation},
      {"locked_out", json_texts(state.locked_out)},
      {"locked_endpoints", to_json(state.locked_endpoints)},
      {"withdrawals", to_json(state.withdrawals)},
      {"off_duty", to_json(state.off_duty)},
      {"keep_old_until_ms", state.keep_old_until_ms},
      {"versions", std::move(versions)},
      {"flags", std::move(flags)}};
  if (state.lease) out["lease"] = to_json(*state.lease);
  if (state.mirror) out["mirror"] = state.mirror->millionths;
  return out;
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
  // Schema 1 had none of these.
  if (const auto* where = in.if_contains("locked_endpoints"))
    state.locked_endpoints = urls_from_json(where->as_object());
  if (const auto* all = in.if_contains("withdrawals"))
    for (const auto& [version, withdrawal] : all->as_object())
      state.withdrawals[std::string(version)] = withdrawal_from_json(withdrawal.as_object());
  if (const auto* off_duty = in.if_contains("off_duty"))
    state.off_duty = urls_from_json(off_duty->as_object());
  if (const auto* until = in.if_contains("keep_old_until_ms"))
    state.keep_old_until_ms = until->to_number<std::int64_t>();
  if (const auto* versions = in.if_contains("versions"))
    for (const auto& [name, version] : versions->as_object())
      state.versions[std::string(name)] = version_state_from_json(version);
  for (const auto& [name, flag] : in.at("flags").as_object())
    state.flags[std::string(name)] = flag_state_from_json(flag);
  if (const auto* mirror = in.if_contains("mirror"))
    state.mirror = Share{mirror->to_number<std::int32_t>()};
  if (const auto* lease = in.if_contains("lease"))
    state.lease = lease_from_json(lease->as_object());
  return state;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
