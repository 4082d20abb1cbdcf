#include "config/keys.hpp"

namespace cutwater::config {
namespace {

constexpr auto kLater = Key::State::Later;

constexpr Key kRootKeys[] = {
    {"version"},      {"state_dir"},      {"workers"},      {"admin"},      {"listeners"},
    {"routes"},       {"services"},       {"limits"},       {"access_log"}, {"drain_timeout"},
    {"drain_notice"}, {"notify", kLater}, {"fleet", kLater}};
constexpr Key kAdminKeys[] = {{"listen"}, {"tokens"}, {"allowed_hosts"}};
constexpr Key kTokenKeys[] = {{"name"}, {"role"}, {"secret"}};
constexpr Key kListenerKeys[] = {
    {"name"}, {"listen"}, {"trusted_proxies"}, {"proxy_protocol", kLater, "off"}, {"tls", kLater}};
constexpr Key kRouteKeys[] = {{"match"}, {"service"}};
constexpr Key kMatchKeys[] = {{"host"}, {"path"}};
constexpr Key kServiceKeys[] = {{"versions"},      {"stable"},  {"weights"},        {"sticky"},
                                {"flags"},         {"guards"},  {"health"},         {"fallback"},
                                {"timeouts"},      {"rollout"}, {"version_header"}, {"memory"},
                                {"mirror", kLater}};
constexpr Key kVersionKeys[] = {{"endpoints"}, {"protocol", kLater}, {"tls", kLater}};
constexpr Key kStickyKeys[] = {{"cookie"}, {"ttl"}, {"key"}};
constexpr Key kFlagKeys[] = {
    {"name"},        {"when"},         {"version"}, {"enabled"}, {"percentage", kLater},
    {"key", kLater}, {"allow", kLater}};
constexpr Key kWhenKeys[] = {{"cookie"}, {"header"}};
constexpr Key kGuardsKeys[] = {{"error_rate"},     {"p95"},      {"p95_critical"},
                               {"false_rollback"}, {"relative"}, {"relative_tolerance"},
                               {"blame_window"},   {"dry_run"}};
constexpr Key kMemoryKeys[] = {{"url"}, {"used"}, {"limit"}, {"threshold"}};
constexpr Key kHealthKeys[] = {
    {"path"}, {"interval"}, {"timeout"}, {"unhealthy_after"}, {"start_period"}};
constexpr Key kTimeoutsKeys[] = {{"connect"},     {"response_head"}, {"request"},
                                 {"stream_idle"}, {"tunnel_idle"},   {"upstream_idle"}};
constexpr Key kLimitsKeys[] = {
    {"header_bytes"},   {"header_fields"},      {"target_bytes"},  {"header_timeout"},
    {"keepalive_idle"}, {"keepalive_requests"}, {"body_min_rate"}, {"client_write_stall"},
    {"connections"},    {"connections_per_ip"}};
constexpr Key kRolloutKeys[] = {{"strategy"},         {"steps"},           {"bake"},
                                {"max_step"},         {"on_inconclusive"}, {"approval", kLater},
                                {"holdback", kLater}, {"keep_old", kLater}};
constexpr Key kAccessLogKeys[] = {{"file"}};

}  // namespace

namespace section {
const Section kRoot{"root", kRootKeys};
const Section kAdmin{"admin", kAdminKeys};
const Section kToken{"token", kTokenKeys};
const Section kListener{"listener", kListenerKeys};
const Section kRoute{"route", kRouteKeys};
const Section kMatch{"match", kMatchKeys};
const Section kService{"service", kServiceKeys};
const Section kVersion{"version", kVersionKeys};
const Section kSticky{"sticky", kStickyKeys};
const Section kFlag{"flag", kFlagKeys};
const Section kWhen{"when", kWhenKeys};
const Section kGuards{"guards", kGuardsKeys};
const Section kMemory{"memory", kMemoryKeys};
const Section kHealth{"health", kHealthKeys};
const Section kTimeouts{"timeouts", kTimeoutsKeys};
const Section kLimits{"limits", kLimitsKeys};
const Section kRollout{"rollout", kRolloutKeys};
const Section kAccessLog{"access_log", kAccessLogKeys};
}  // namespace section

std::span<const Section* const> all_sections() {
  using namespace section;
  static constexpr const Section* kAll[] = {&kRoot,   &kAdmin,   &kToken,    &kListener, &kRoute,
                                            &kMatch,  &kService, &kVersion,  &kSticky,   &kFlag,
                                            &kWhen,   &kGuards,  &kMemory,   &kHealth,   &kTimeouts,
                                            &kLimits, &kRollout, &kAccessLog};
  return kAll;
}

}  // namespace cutwater::config
