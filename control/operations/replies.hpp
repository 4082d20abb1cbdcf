// Makes the answers that several operations give. It is pure and may run on any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/base/reply.hpp"
#include "control/state/capacity.hpp"
#include "control/steering/takeover.hpp"

namespace cutwater::control {

Reply no_service(const std::string& service);                              // 404
Reply no_version(const std::string& service, const std::string& version);  // 404
Reply weights_reply(const ServiceState& state);
Reply store_problem(const StoreError& error);       // 507 or 503: nothing was changed
Reply history_unreadable(const StoreError& error);  // 500 or 503
// Answers 422 and says why a configuration was not taken over.
Reply config_refused(const std::vector<config::Problem>& problems);
Reply not_taken(const NotTaken& why);
// Answers 428 without If-Match and 412 when somebody else was faster; nullopt means that the
// precondition holds.
std::optional<Reply> check_precondition(const ServiceState& state, const Precondition& given);
// Answers 409 when the version's healthy endpoints cannot carry the share.
std::optional<Reply> check_capacity(const Capacity& capacity, const ServiceState& state,
                                    const std::string& version, Share share);

}  // namespace cutwater::control
