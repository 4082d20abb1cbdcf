// Holds what was changed about a feature flag at run time; absent members are as the file says. It
// is stored with its service, so it wins over the file after a restart.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/flag.hpp"

namespace cutwater::control {

struct FlagState {
  std::optional<bool> enabled;
  std::optional<Share> percentage;
  std::optional<bool> ramping;  // false if the ramp waits for a person
  std::optional<std::map<std::string, Share>> arms;
  std::optional<std::vector<std::string>> allow;
  std::optional<std::vector<std::string>> deny;

  bool empty() const { return *this == FlagState{}; }
  friend bool operator==(const FlagState&, const FlagState&) = default;
};

boost::json::value to_json(const FlagState& state);
// Throws std::exception when the value is not a flag's state.
FlagState flag_state_from_json(const boost::json::value& json);

// Returns the flag as it is in force.
config::Flag with_changes(config::Flag flag, const FlagState* state);
// Drops the changes that have no place in the flag as the file now describes it.
void fit_to_flag(FlagState& state, const config::Flag& flag);

}  // namespace cutwater::control
