// Declares the readers of the file's sections, which parse.cpp calls in the order of the file's
// shape. Each reports what is wrong and fills in what is right.
#pragma once

#include "config/document.hpp"
#include "config/fields.hpp"
#include "config/model.hpp"
#include "config/notify.hpp"
#include "config/sources.hpp"

namespace cutwater::config {

// parse_edge.cpp reads what belongs to the process.
Admin read_admin(const Fields& root, const Sources& sources);
std::vector<Listener> read_listeners(const Fields& root);
std::optional<std::string> read_via(const Fields& fields);
// No endpoint is a listener of our own.
void check_no_loop(const Fields& root, const Config& config);
Limits read_limits(const Fields& root);
Http2Limits read_http2(const Fields& limits);  // parse_http2.cpp
AccessLog read_access_log(const Fields& root);
// `services` must be read before, because a route names one.
std::vector<Route> read_routes(const Fields& root, const std::vector<Service>& services);

// parse_service.cpp
std::vector<Service> read_services(const Fields& root, const Sources& sources);
Grpc read_grpc(const Fields& service);  // parse_http2.cpp
// parse_guards.cpp
Guards read_guards(const Fields& service_fields);
// Says which probes are no users, where the file does not say it; `service.health` must be read
// before.
void ignore_probes(const Fields& service_fields, Service& service);
// Reads `guards` of a step, a route or a ramp; returns nullopt when there is none.
std::optional<GuardLimits> read_guard_limits(const Fields& owner);
Memory read_memory(const Fields& service_fields);
// parse_rollout.cpp
RolloutDefaults read_rollout(const Fields& service_fields, const Sources& sources);
// Reads `headers: {NAME: VALUE}` of a request that we make ourselves.
std::vector<std::pair<std::string, std::string>> read_header_fields(const Fields& fields);
// Says by which host a probe asks when the file does not say it. It is in parse_service.cpp and is
// called after the routes.
void name_probed_hosts(Config& config);
// Call it after the whole file was read: it checks what `rollout:` needs of `admin.tokens`.
void check_approvers(const Fields& root, const Config& config);
// Reads shares that rise up to 100 %.
std::vector<Share> read_share_steps(const Fields& fields, const Node& node);
// parse_split.cpp reads which requests of a service get which version. `service.versions` must be
// read before.
std::map<std::string, Share> read_weights(const Fields& fields, const Service& service);
Sticky read_sticky(const Fields& fields, const Service& service, const Sources& sources);
// Reads "header:NAME", "cookie:NAME" or "client_ip"; returns nullopt when it is none of them.
std::optional<FlagKey> parse_key(const std::string& written);
// Reports "unknown version `gren`, did you mean `green`?" unless `name` is a version of `service`.
bool check_version(Report& report, Place place, const Service& service, const std::string& name);

// Reads `policy` of the file, or of a service (parse_policy.cpp).
DeployerPolicy read_policy(const Fields& owner);

// Reads flags (parse_flag.cpp); `service.versions` and `service.sticky` must be read before.
std::vector<Flag> read_flags(const Fields& fields, const Service& service, const Sources& sources);
// parse_mirror.cpp
std::optional<Mirror> read_mirror(const Fields& fields, const Service& service);

// parse_tls.cpp
std::optional<ListenerTls> read_listener_tls(const Fields& listener);
ProxyProtocol read_proxy_protocol(const Fields& listener);
// `out.endpoints` must be read before.
void read_version_tls(const Fields& version, Version& out);
// Relative paths are relative to `folder`, which ends with a slash or is empty.
void resolve_tls_paths(Config& config, const std::string& folder);

// secret.cpp resolves "${env:NAME}" or "${file:PATH}". It never reports any part of the value.
std::optional<Secret> read_secret(const Fields& fields, std::string_view key,
                                  const Sources& sources);

// parse_notify.cpp reads whom to tell, and how long history is kept.
std::vector<Channel> read_notify(const Fields& root, const Sources& sources,
                                 const std::vector<Service>& services);
History read_history(const Fields& root);

}  // namespace cutwater::config
