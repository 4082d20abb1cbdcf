// Shows flags and mirrors in the words of the file, as JSON, for the effective configuration and
// for the admin API. The functions are pure; any thread may call them.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "config/model.hpp"

namespace cutwater::config {

// Returns "cookie:uid", "client_ip" or "sticky".
std::string to_string(const FlagKey& key);
// Returns {"cookie": "beta=on"}, {"header": "X-Plan", "in": [...]} or {"cookie": "uid", "file":
// "..."}.
boost::json::object show_condition(const FlagCondition& condition);
// Returns a list, or {"file": "..."} when the ids were read from one.
boost::json::value show_ids(const IdList& ids);

boost::json::array show_flags(const std::vector<Flag>& flags);
boost::json::object show_mirror(const Mirror& mirror);

}  // namespace cutwater::config
