#include "config/keys.hpp"

namespace cutwater::config {
namespace {

constexpr auto kLater = Key::State::Later;

constexpr Key kRootKeys[] = {
    {"version"},  {"state_dir"}, {"workers"},    {"admin"},         {"listeners"},    {"routes"},
    {"services"}, {"limits"},    {"access_log"}, {"drain_timeout"}, {"drain_notice"}, {"notify"},
    {"history"},  {"via"},       {"policy"},     {"fleet", kLater}};
constexpr Key kAdminKeys[] = {{"listen"}, {"tokens"}, {"allowed_hosts"}, {"tls"}, {"probes"}};
constexpr Key kTokenKeys[] = {{"name"}, {"role"}, {"secret"}};
constexpr Key kListenerKeys[] = {{"name"},           {"listen"}, {"trusted_proxies"}, {"http2"},
                                 {"proxy_protocol"}, {"tls"},    {"keep_headers"},    {"via"}};
constexpr Key kListenerTlsKeys[] = {{"certificates"}, {"min_version"}, {"client_ca"},
                                    {"client_crl"},   {"client_auth"}, {"groups"},
                                    {"ciphers"}};
constexpr Key kCertificateKeys[] = {{"cert"}, {"key"}, {"ocsp"}};
constexpr Key kRouteKeys[] = {{"match"}, {"service"}, {"guards"}};
constexpr Key kMatchKeys[] = {{"host"}, {"path"}};
constexpr Key kServiceKeys[] = {{"versions"}, {"stable"},  {"weights"},        {"sticky"},
                                {"flags"},    {"guards"},  {"health"},         {"fallback"},
                                {"timeouts"}, {"rollout"}, {"version_header"}, {"memory"},
                                {"mirror"},   {"grpc"},    {"reuse"},          {"policy"}};
constexpr Key kVersionKeys[] = {{"endpoints"}, {"protocol"}, {"tls"}, {"send_proxy"}};
constexpr Key kVersionTlsKeys[] = {{"ca"},  {"server_name"}, {"cert"},
                                   {"key"}, {"min_version"}, {"verify"}};
constexpr Key kStickyKeys[] = {{"cookie"}, {"ttl"},      {"key"},         {"same_site"},
                               {"domain"}, {"path"},     {"partitioned"}, {"secure"},
                               {"secret"}, {"cacheable"}};
constexpr Key kFlagKeys[] = {{"name"}, {"when"},  {"version"}, {"enabled"}, {"percentage"},
                             {"key"},  {"allow"}, {"deny"},    {"arms"},    {"ramp"}};
constexpr Key kWhenKeys[] = {{"cookie"}, {"header"}, {"in"}, {"file"}};
constexpr Key kIdsKeys[] = {{"file"}};
constexpr Key kRampKeys[] = {{"steps"}, {"bake"}, {"max_step"}, {"guards"}};
constexpr Key kMirrorKeys[] = {{"version"}, {"share"}, {"methods"}, {"max_body"}, {"concurrency"}};
constexpr Key kGuardsKeys[] = {{"error_rate"},        {"p95"},      {"p95_critical"},
                               {"false_rollback"},    {"relative"}, {"relative_tolerance"},
                               {"latency_tolerance"}, {"ignore"},   {"blame_window"},
                               {"per_route"},         {"dry_run"}};
constexpr Key kLatencyToleranceKeys[] = {{"share"}, {"floor"}};
constexpr Key kMemoryKeys[] = {{"url"}, {"used"}, {"limit"}, {"threshold"}};
constexpr Key kHealthKeys[] = {{"path"},         {"interval"}, {"timeout"}, {"unhealthy_after"},
                               {"start_period"}, {"grpc"},     {"service"}, {"host"},
                               {"headers"},      {"status"},   {"port"}};
constexpr Key kTimeoutsKeys[] = {{"connect"},     {"response_head"}, {"request"},
                                 {"stream_idle"}, {"tunnel_idle"},   {"upstream_idle"},
                                 {"revert_grace"}};
constexpr Key kLimitsKeys[] = {
    {"header_bytes"},       {"header_fields"},  {"response_header_bytes"}, {"response_fields"},
    {"target_bytes"},       {"header_timeout"}, {"handshake_timeout"},     {"keepalive_idle"},
    {"keepalive_requests"}, {"body_min_rate"},  {"client_write_stall"},    {"connections"},
    {"connections_per_ip"}, {"http2"}};
constexpr Key kRolloutKeys[] = {
    {"strategy"}, {"steps"},      {"bake"},     {"max_step"}, {"on_inconclusive"},
    {"approval"}, {"four_eyes"},  {"holdback"}, {"adaptive"}, {"approval_expiry"},
    {"windows"},  {"utc_offset"}, {"preview"},  {"smoke"},    {"keep_old"},
    {"rolling"},  {"hooks"},      {"capacity"}};
constexpr Key kStepKeys[] = {{"weight"}, {"bake"}, {"guards"}};
constexpr Key kGuardLimitsKeys[] = {{"error_rate"}, {"p95"}, {"p95_critical"}};
constexpr Key kAdaptiveKeys[] = {{"failed_requests"}, {"least"}, {"most"}};
constexpr Key kPreviewKeys[] = {{"header"}, {"cookie"}, {"host"}, {"bake"}};
constexpr Key kSmokeKeys[] = {{"method"}, {"path"}, {"headers"},    {"status"},
                              {"header"}, {"body"}, {"body_regex"}, {"within"}};
constexpr Key kRollingKeys[] = {
    {"max_unavailable"}, {"drain_timeout"}, {"ready_timeout"}, {"hook"}};
constexpr Key kRollingHookKeys[] = {{"url"}, {"secret"}, {"timeout"}, {"retries"}};
constexpr Key kHookKeys[] = {{"at"}, {"url"}, {"secret"}, {"timeout"}, {"retries"}};
constexpr Key kPolicyKeys[] = {{"deployer"}};
constexpr Key kDeployerPolicyKeys[] = {
    {"weights"}, {"guards"}, {"bake_at_least"}, {"first_step_at_most"}, {"inconclusive"}, {"retry"},
    {"force"},   {"unlock"}, {"hosts"}};
constexpr Key kCapacityKeys[] = {{"max_share_per_endpoint"}};
constexpr Key kHttp2Keys[] = {
    {"max_streams"},   {"stream_window"}, {"connection_window"}, {"header_list_bytes"},
    {"continuations"}, {"empty_frames"},  {"client_resets"},     {"client_resets_per_second"},
    {"server_resets"}, {"pings"},         {"other_frames"},      {"queued_frames"}};
constexpr Key kGrpcKeys[] = {{"error_codes"}};
constexpr Key kAccessLogKeys[] = {{"file"}};
constexpr Key kNotifyKeys[] = {{"name"},   {"kind"}, {"url"},      {"key"}, {"token"}, {"channel"},
                               {"secret"}, {"on"},   {"services"}, {"ca"},  {"expire"}};
constexpr Key kHistoryKeys[] = {{"keep"}};

}  // namespace

namespace section {
const Section kRoot{"root", kRootKeys};
const Section kAdmin{"admin", kAdminKeys};
const Section kToken{"token", kTokenKeys};
const Section kListener{"listener", kListenerKeys};
const Section kListenerTls{"listener_tls", kListenerTlsKeys};
const Section kCertificate{"certificate", kCertificateKeys};
const Section kRoute{"route", kRouteKeys};
const Section kMatch{"match", kMatchKeys};
const Section kService{"service", kServiceKeys};
const Section kVersion{"version", kVersionKeys};
const Section kVersionTls{"version_tls", kVersionTlsKeys};
const Section kSticky{"sticky", kStickyKeys};
const Section kFlag{"flag", kFlagKeys};
const Section kWhen{"when", kWhenKeys};
const Section kIds{"ids", kIdsKeys};
const Section kRamp{"ramp", kRampKeys};
const Section kMirror{"mirror", kMirrorKeys};
const Section kGuards{"guards", kGuardsKeys};
const Section kLatencyTolerance{"latency_tolerance", kLatencyToleranceKeys};
const Section kMemory{"memory", kMemoryKeys};
const Section kHealth{"health", kHealthKeys};
const Section kTimeouts{"timeouts", kTimeoutsKeys};
const Section kLimits{"limits", kLimitsKeys};
const Section kHttp2{"http2", kHttp2Keys};
const Section kRollout{"rollout", kRolloutKeys};
const Section kStep{"step", kStepKeys};
const Section kGuardLimits{"guard_limits", kGuardLimitsKeys};
const Section kAdaptive{"adaptive", kAdaptiveKeys};
const Section kPreview{"preview", kPreviewKeys};
const Section kSmoke{"smoke", kSmokeKeys};
const Section kRolling{"rolling", kRollingKeys};
const Section kRollingHook{"rolling_hook", kRollingHookKeys};
const Section kHook{"hook", kHookKeys};
const Section kCapacity{"capacity", kCapacityKeys};
const Section kPolicy{"policy", kPolicyKeys};
const Section kDeployerPolicy{"deployer_policy", kDeployerPolicyKeys};
const Section kGrpc{"grpc", kGrpcKeys};
const Section kAccessLog{"access_log", kAccessLogKeys};
const Section kNotify{"notify", kNotifyKeys};
const Section kHistory{"history", kHistoryKeys};
}  // namespace section

std::span<const Section* const> all_sections() {
  using namespace section;
  static constexpr const Section* kAll[] = {
      &kRoot,      &kAdmin,       &kToken,          &kListener,
      &kRoute,     &kMatch,       &kService,        &kVersion,
      &kSticky,    &kFlag,        &kWhen,           &kGuards,
      &kHealth,    &kTimeouts,    &kLimits,         &kRollout,
      &kAccessLog, &kStep,        &kGuardLimits,    &kAdaptive,
      &kPreview,   &kSmoke,       &kRolling,        &kRollingHook,
      &kHook,      &kCapacity,    &kNotify,         &kHistory,
      &kIds,       &kRamp,        &kMirror,         &kHttp2,
      &kGrpc,      &kListenerTls, &kCertificate,    &kVersionTls,
      &kMemory,    &kPolicy,      &kDeployerPolicy, &kLatencyTolerance};
  return kAll;
}

}  // namespace cutwater::config
