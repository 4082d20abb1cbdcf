// Evaluates what a feature flag says about a request; the data plane, `explain` and OFREP share
// this one evaluation. A flag is part of a snapshot and immutable; the evaluation is pure.
//
// The order of the rules is off > deny > allow > when > percentage > arms. A percentage lets in the
// subjects whose bucket is below it, so raising it only lets more in; arms are divided by weighted
// rendezvous, so a larger arm only gains subjects. Both hash with salts of the flag's own name:
// flags are independent of each other and of every rollout, and the same on every proxy. A flag of
// the same name in another service lets in the same users.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/guard/version_monitor.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::routing {

enum class FlagRule : std::uint8_t {
  Off,         // switched off, or shut by its own guard
  Deny,        // on the list of subjects who are kept out
  Allow,       // on the list of subjects who are let in
  When,        // by the cookie or header alone
  NoSubject,   // the request names no subject
  Percentage,  // by the subject's bucket
  Arms,        // everybody; the subject decides the arm
  NoVersion,   // its version does not exist
};
std::string_view to_string(FlagRule rule);

struct FlagVerdict {
  bool matched = false;
  FlagRule rule = FlagRule::Off;
  std::size_t version = 0;              // index into service.versions, when matched
  std::optional<std::uint32_t> bucket;  // of the percentage: u * 1 000 000
};

struct FlagSnapshot {
  struct Arm {
    std::string name;
    std::size_t version = 0;
    std::int32_t weight = 0;  // out of 1 000 000
  };

  std::string name;
  bool enabled = true;
  std::optional<config::FlagCondition> when;
  config::IdList allow, deny;  // addresses are stored as their bytes
  config::Sticky key;          // with Key::None the flag has no subjects
  std::int32_t percentage = Share::kWhole;
  bool has_percentage = false;
  bool has_lists = false;
  std::vector<Arm> arms;  // one for a flag with one version; none if its version does not exist
  std::uint64_t salt = 0;
  std::uint64_t arm_salt = 0;
  // Counts only the flagged requests; while the flag ramps it judges them and shuts the flag.
  std::shared_ptr<guard::VersionMonitor> monitor;
  // Holds the relative guard, while the flag ramps and is the flag of its service that is compared.
  std::shared_ptr<guard::Comparison> comparison;

  bool needs_subject() const { return has_percentage || has_lists || arms.size() > 1; }
  bool is_on() const { return enabled && !(monitor && monitor->tripped()); }
};

// `versions` are the names in the order of the service's snapshot.
FlagSnapshot make_flag(const config::Flag& flag, const config::Sticky& sticky,
                       const std::vector<std::string>& versions);

// `subject` is what the flag's key names; it is empty if the request does not carry it.
FlagVerdict evaluate(const FlagSnapshot& flag, const http::FieldList& fields,
                     std::string_view subject);

}  // namespace cutwater::routing
