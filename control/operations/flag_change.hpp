// Checks the body of a feature flag's PUT and turns it into what is to be stored, and shows the
// flag as the API does. It is pure and belongs to control's thread.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "control/base/reply.hpp"
#include "control/store/flag_state.hpp"
#include "proxy/guard/version_monitor.hpp"

namespace cutwater::control {

struct FlagFacts {
  const config::Flag* file;                   // as the file says
  const FlagState* state = nullptr;           // what was changed since
  const guard::GuardReport* guard = nullptr;  // of a ramp
};
boost::json::object flag_view(const FlagFacts& facts);

// Returns the new state of the flag, or what is wrong with `body`. Members that are not given stay;
// members that only the file can change may be repeated as they are.
std::variant<FlagState, Reply> read_flag_change(const boost::json::object& body,
                                                const FlagFacts& facts);
// Returns for example "percentage 25%, allow 2".
std::string spoken(const FlagState& before, const FlagState& after);

}  // namespace cutwater::control
