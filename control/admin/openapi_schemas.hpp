// Gives the schemas that /openapi.json refers to, by name. Pure; any thread.
#pragma once

#include <boost/json.hpp>

namespace cutwater::control::admin {

boost::json::object openapi_schemas();

}  // namespace cutwater::control::admin
