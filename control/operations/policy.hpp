// Says whether somebody may do to a service what the role alone allows: `policy:` of the file, or
// what holds without that section (config/policy.hpp). Only deployers are bound. Every operation by
// which users get another version asks here, its dry run included; a refusal is a 403 that names
// the rule, the role that may, and the words in the file that allow it. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/policy.hpp"
#include "control/base/reply.hpp"
#include "control/rollout/plan.hpp"
#include "control/snapshot/resolver.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

class Policy {
 public:
  Policy(const config::Config& config, const config::Service& service, const Actor& actor)
      : rules_(config::policy_of(config, service)),
        service_(service),
        binds_(actor.role < config::Role::Approver) {}

  bool binds() const { return binds_; }

  // Weights by hand. `until_ms` is when they fall back (wall clock, unix), 0: they are for good.
  struct WeightsAsked {
    const std::map<std::string, Share>& weights;
    std::int64_t until_ms = 0;
    bool force = false;
  };
  std::optional<Reply> weights(const ServiceState& state, const WeightsAsked& asked) const;
  // A change of a flag, the kill and the revival included.
  std::optional<Reply> flag(const config::Flag& file, const FlagState& before,
                            const FlagState& after, const std::string& stable) const;
  // A start, and a retry as the start of an old plan. `file` is the plan of a start that says
  // nothing.
  std::optional<Reply> start(const RolloutRequest& asked, const Plan& file) const;
  // `promote` and `promote-full`: both skip what the plan still has in front of it.
  std::optional<Reply> promote(bool force) const;
  std::optional<Reply> unlock(const std::string& version) const;

 private:
  // "policy: {deployer: {guards: any}}" is how the refusal ends.
  Reply forbid(std::string_view rule, const std::string& what, const std::string& old_way) const;

  const config::DeployerPolicy rules_;
  const config::Service& service_;
  const bool binds_;
};

// 403: nobody may put a version there, or no deployer may.
Reply forbidden(const ForbiddenPlace& place);

}  // namespace cutwater::control
