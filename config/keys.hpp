// Lists every key of the configuration language, in one table: what the parser accepts, what it
// refuses because it comes later, and what schema.json must list (a test compares them). The table
// is constant, so any thread may read it.
#pragma once

#include <span>
#include <string_view>

namespace cutwater::config {

struct Key {
  std::string_view name;
  enum class State { Available, Later } state = State::Available;
  // A later key may already be written with the value that means "not used".
  std::string_view only_value = {};
};

struct Section {
  std::string_view name;  // its definition in schema.json
  std::span<const Key> keys;
};

namespace section {
extern const Section kRoot, kAdmin, kToken, kListener, kRoute, kMatch, kService, kVersion, kSticky,
    kFlag, kWhen, kGuards, kMemory, kHealth, kTimeouts, kLimits, kRollout, kAccessLog, kNotify,
    kHistory, kIds, kRamp, kMirror, kHttp2, kGrpc, kListenerTls, kCertificate, kVersionTls;
// These are the sections of a rollout.
extern const Section kStep, kGuardLimits, kLatencyTolerance, kAdaptive, kPreview, kSmoke, kRolling,
    kRollingHook, kHook, kCapacity, kPolicy, kDeployerPolicy;
}  // namespace section

std::span<const Section* const> all_sections();

}  // namespace cutwater::config
