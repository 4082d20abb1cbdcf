// PUT of a feature flag: the body checked and turned into what is to be stored, and the flag as
// the API shows it. Pure; control thread.
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

// The new state of the flag, or what is wrong with `body`. Members that are not given stay; those
// that only the file can change may be repeated as they are.
std::variant<FlagState, Reply> read_flag_change(const boost::json::object& body,
                                                const FlagFacts& facts);
// "percentage 25%, allow 2"
std::string spoken(const FlagState& before, const FlagState& after);

}  // namespace cutwater::control
