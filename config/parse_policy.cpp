// Reads `policy:`, at the top level and of a service.
#include "config/names.hpp"
#include "config/sections.hpp"

namespace cutwater::config {
namespace {

using Weights = DeployerPolicy::Weights;
using Strictness = DeployerPolicy::Guards;
using OnInconclusive = RolloutDefaults::OnInconclusive;

constexpr Choice<Weights> kWeights[] = {
    {"any", Weights::Any}, {"lower_only", Weights::LowerOnly}, {"none", Weights::None}};
constexpr Choice<Strictness> kGuards[] = {{"any", Strictness::Any},
                                          {"stricter_only", Strictness::StricterOnly}};
constexpr std::pair<std::string_view, OnInconclusive> kOnInconclusive[] = {
    {"hold", OnInconclusive::Hold},
    {"extend", OnInconclusive::Extend},
    {"promote", OnInconclusive::Promote},
    {"rollback", OnInconclusive::Rollback}};

template <typename T, typename Limits>
void read_optional(const Fields& fields, std::string_view key, std::optional<T>& out,
                   const Limits& limits) {
  T value{};
  if (fields.read(key, value, limits)) out = value;
}

void read_switch(const Fields& fields, std::string_view key, std::optional<bool>& out) {
  bool value = false;
  if (fields.read(key, value)) out = value;
}

void read_inconclusive(const Fields& fields, DeployerPolicy& policy) {
  const Node* node = fields.find("inconclusive");
  if (!node) return;
  policy.inconclusive.emplace();
  for (const NodePtr& item : read_list(fields.report(), *node, "inconclusive", "words")) {
    const auto written = read_text(fields.report(), *item, "inconclusive", "a word");
    if (!written) continue;
    bool known = false;
    for (const auto& [word, value] : kOnInconclusive) {
      if (word != *written) continue;
      policy.inconclusive->push_back(value);
      known = true;
    }
    if (!known)
      fields.report().add(item->place, "`inconclusive` has " + quoted(*written) +
                                           ": expected hold, extend, promote or rollback");
  }
}

// "10.0.0.0/8", "10.0.0.7", "*.internal", "app.internal"
Checked<std::string> check_host_rule(const std::string& written) {
  if (written.find('/') == std::string::npos && !is_ip(written)) return check_host_pattern(written);
  auto network = check_cidr(written);
  if (auto* wrong = std::get_if<Wrong>(&network)) return std::move(*wrong);
  return std::get<Cidr>(std::move(network)).text;
}

void read_hosts(const Fields& fields, DeployerPolicy& policy) {
  const Node* node = fields.find("hosts");
  if (!node) return;
  policy.hosts.emplace();
  for (const NodePtr& item : read_list(fields.report(), *node, "hosts", "networks and names")) {
    const auto written = read_text(fields.report(), *item, "hosts", "a network or a name");
    if (!written) continue;
    auto checked = check_host_rule(*written);
    if (const Wrong* wrong = std::get_if<Wrong>(&checked))
      fields.report().add(item->place, "`hosts` has " + quoted(*written) + ": " + wrong->message);
    else
      policy.hosts->push_back(std::get<std::string>(std::move(checked)));
  }
}

}  // namespace

DeployerPolicy read_policy(const Fields& owner) {
  DeployerPolicy policy;
  const Node* node = owner.find("policy");
  if (!node) return policy;
  const Fields roles(owner.report(), *node, section::kPolicy, "policy");
  if (!roles.usable()) return policy;
  const Node* deployer = roles.require("deployer");
  if (!deployer) return policy;
  const Fields fields(owner.report(), *deployer, section::kDeployerPolicy, "deployer");
  if (!fields.usable()) return policy;
  read_optional(fields, "weights", policy.weights, std::span<const Choice<Weights>>(kWeights));
  read_optional(fields, "guards", policy.guards, std::span<const Choice<Strictness>>(kGuards));
  read_optional(fields, "bake_at_least", policy.bake_at_least,
                Range<Duration>{1s, std::chrono::hours(24 * 30)});
  read_optional(fields, "first_step_at_most", policy.first_step_at_most,
                Range<Share>{Share{1}, Share::percent(100)});
  read_inconclusive(fields, policy);
  read_switch(fields, "retry", policy.retry);
  read_switch(fields, "force", policy.force);
  read_switch(fields, "unlock", policy.unlock);
  read_hosts(fields, policy);
  return policy;
}

}  // namespace cutwater::config
