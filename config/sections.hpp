// The readers of the file's sections, called by parse.cpp in the order of the file's shape. Each
// reports what is wrong and fills in what is right.
#pragma once

#include "config/document.hpp"
#include "config/fields.hpp"
#include "config/model.hpp"
#include "config/parse.hpp"

namespace cutwater::config {

// parse_edge.cpp: what belongs to the process.
Admin read_admin(const Fields& root, const Sources& sources);
std::vector<Listener> read_listeners(const Fields& root);
Limits read_limits(const Fields& root);
AccessLog read_access_log(const Fields& root);
// `services` must be read before: a route names one.
std::vector<Route> read_routes(const Fields& root, const std::vector<Service>& services);

// parse_service.cpp
std::vector<Service> read_services(const Fields& root);
// parse_guards.cpp
Guards read_guards(const Fields& service_fields);
Memory read_memory(const Fields& service_fields);
// parse_split.cpp: who of a service gets which version. `service.versions` must be read before.
std::map<std::string, Share> read_weights(const Fields& fields, const Service& service);
Sticky read_sticky(const Fields& fields, const Service& service);
std::vector<Flag> read_flags(const Fields& fields, const Service& service);
// "unknown version `gren`, did you mean `green`?" unless `name` is a version of `service`.
bool check_version(Report& report, Place place, const Service& service, const std::string& name);

// secret.cpp: "${env:NAME}" or "${file:PATH}" resolved. Nothing of the value is ever reported.
std::optional<Secret> read_secret(const Fields& fields, const Sources& sources);

}  // namespace cutwater::config
