#include "control/guards/flag_ramp.hpp"

#include <algorithm>

#include "config/units.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;

// A step of a ramp must have seen this many requests before the next one: PASS alone may be from
// the step before.
constexpr std::uint64_t kRequestsPerStep = 20;

RampMove raise(const config::Flag& flag, Share to) {
  return {RampMove::Kind::Raise,
          to,
          {"flag_advanced", "passed",
           "flag " + flag.name + " raised from " + to_string(*flag.percentage) + " to " +
               to_string(to) + ": its guard passed",
           kSelf}};
}

// Says whether the flag fails, stable fails too, and the flag was given more users not long ago: it
// may have overloaded what both depend on.
bool is_to_blame(const FlagStep& step, const Evidence& evidence, TimePoint now) {
  return evidence.report.verdict == Verdict::CommonCause && step.rose &&
         now - *step.rose < evidence.limits.blame_window;
}

// Tells people once that a step has had no answer for too long; the step goes on waiting.
RampMove tell(const config::Flag& flag, const FlagStep& step, const Evidence& evidence) {
  const guard::GuardReport& report = evidence.report;
  const bool idle = report.requests_since_arming == step.requests;
  const Verdict verdict = idle ? Verdict::NoTraffic : report.verdict;
  const bool alone = verdict != Verdict::Pass || !baseline_failing(evidence);
  return {RampMove::Kind::Tell,
          {},
          {"flag_held", alone ? hold_cause(verdict) : "baseline_failing",
           "flag " + flag.name + " stays at " + to_string(*flag.percentage) +
               ": no answer within " + config::to_string(flag.ramp->max_step) + "; " +
               (alone ? hold_sentence("flag " + flag.name, verdict, report)
                      : "the stable version fails, too: no step goes up on that"),
           kSelf}};
}

}  // namespace

bool ramp_is_over(const config::Flag& flag) {
  return !flag.ramp || !flag.percentage || *flag.percentage >= flag.ramp->steps.back();
}

bool is_ramping(const config::Flag& flag, const FlagState* state) {
  const bool paused = state != nullptr && state->ramping && !*state->ramping;
  return flag.enabled && !paused && !ramp_is_over(flag);
}

config::Guards flag_limits(const config::Service& service, const std::string& flag) {
  const config::Flag* known = service.find_flag(flag);
  return known && known->ramp ? limits_of(service.guards, known->ramp->guards) : service.guards;
}

std::string compared_flag(const config::Service& service, const ServiceState& state) {
  if (!service.guards.relative) return "";
  for (const auto& file : service.flags) {
    if (!file.ramp) continue;
    const FlagState* changes = state.find_flag(file.name);
    const config::Flag flag = with_changes(file, changes);
    if (is_ramping(flag, changes) && flag.percentage->millionths > 0) return flag.name;
  }
  return "";
}

bool judges_flags(const config::Service& service, const ServiceState& state) {
  return std::any_of(service.flags.begin(), service.flags.end(), [&](const config::Flag& file) {
    return file.ramp && with_changes(file, state.find_flag(file.name)).enabled;
  });
}

std::optional<RampMove> next_move(const config::Flag& flag, const FlagStep& step,
                                  const Evidence& evidence, TimePoint now) {
  const guard::GuardReport& report = evidence.report;
  if (is_to_blame(step, evidence, now) && !(report.dry_run && step.told)) {
    const std::string why = blame_sentence("flag " + flag.name, evidence);
    if (!report.dry_run)
      return RampMove{RampMove::Kind::Kill, {}, {"flag_killed", "common_cause", why, kSelf}};
    return RampMove{RampMove::Kind::Tell, {}, {"flag_would_be_killed", "common_cause", why, kSelf}};
  }
  if (now - step.at < flag.ramp->bake) return std::nullopt;
  const bool seen = report.requests_since_arming >= step.requests + kRequestsPerStep;
  if (seen && report.verdict == Verdict::Pass && !baseline_failing(evidence)) {
    const auto& steps = flag.ramp->steps;
    return raise(flag, *std::upper_bound(steps.begin(), steps.end(), *flag.percentage));
  }
  if (step.told || now - step.at < flag.ramp->max_step) return std::nullopt;
  return tell(flag, step, evidence);
}

}  // namespace cutwater::control
