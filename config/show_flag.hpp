// Flags and mirror in the words of the file, as JSON: for the effective configuration and for the
// admin API. Pure functions, any thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "config/model.hpp"

namespace cutwater::config {

// "cookie:uid", "client_ip", "sticky"
std::string to_string(const FlagKey& key);
// {"cookie": "beta=on"}, {"header": "X-Plan", "in": [...]}, {"cookie": "uid", "file": "..."}
boost::json::object show_condition(const FlagCondition& condition);
// A list, or {"file": "..."} when they were read from one.
boost::json::value show_ids(const IdList& ids);

boost::json::array show_flags(const std::vector<Flag>& flags);
boost::json::object show_mirror(const Mirror& mirror);

}  // namespace cutwater::config
