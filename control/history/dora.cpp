#include "control/history/dora.hpp"

#include <algorithm>

namespace cutwater::control::dora {
namespace {

using End = Deployment::End;

constexpr double kDay = 24.0 * 3600;
constexpr double kHour = 3600;
// A rate of fewer deployments than this raises no alarm: a single aborted one is not a success rate
// of 0 %.
constexpr std::int64_t kFewest = 5;

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::optional<double> ratio(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

Standing standing_of(Figure figure, const std::optional<double>& value, std::int64_t samples) {
  if (!value) return Standing::NoData;
  const Goal goal = goal_of(figure);
  const auto worse = [&](double limit) {
    return goal.high_is_good ? *value < limit : *value > limit;
  };
  const bool is_rate = figure == Figure::ChangeFailureRate || figure == Figure::SuccessRate;
  const bool few = is_rate && samples < kFewest;
  if (goal.alert && !few && worse(*goal.alert)) return Standing::Alert;
  return worse(goal.target) ? Standing::OffTarget : Standing::OnTarget;
}

}  // namespace

std::string_view name_of(Figure figure) {
  constexpr std::array<std::string_view, kFigures.size()> kNames = {
      "deployment_frequency", "lead_time", "change_failure_rate", "time_to_recovery",
      "success_rate"};
  return kNames[static_cast<std::size_t>(figure)];
}

Goal goal_of(Figure figure) {
  switch (figure) {
    case Figure::DeploymentFrequency:
      return {true, 1.0, std::nullopt};
    case Figure::LeadTime:
      return {false, kDay, 3 * kDay};
    case Figure::ChangeFailureRate:
      return {false, 0.15, 0.25};
    case Figure::TimeToRecovery:
      return {false, kHour, 4 * kHour};
    case Figure::SuccessRate:
      break;
  }
  return {true, 0.95, 0.90};
}

std::string_view to_string(Standing standing) {
  constexpr std::array<std::string_view, 4> kWords = {"no_data", "on_target", "off_target",
                                                      "alert"};
  return kWords[static_cast<std::size_t>(standing)];
}

Report calculate(const History& history) {
  Report report;
  report.from_ms = history.from_ms;
  report.to_ms = history.to_ms;
  std::vector<double> lead_times, recoveries;
  std::int64_t reverted = 0;
  for (const Deployment& one : history.deployments) {
    ++report.deployments;
    if (one.end == End::RolledBack) ++reverted;
    if (one.end == End::RolledBack && one.recovery_ms)
      recoveries.push_back(static_cast<double>(*one.recovery_ms) / 1000);
    if (one.end != End::Succeeded) continue;
    ++report.succeeded;
    // A commit "after" its deployment comes from a clock that is wrong, and is not a negative lead
    // time.
    if (one.commit_ms && *one.commit_ms <= one.finished_ms)
      lead_times.push_back(static_cast<double>(one.finished_ms - *one.commit_ms) / 1000);
  }
  report.failed = reverted + history.later_rollbacks;
  for (const std::int64_t took : history.later_recoveries_ms)
    recoveries.push_back(static_cast<double>(took) / 1000);

  const double days =
      std::max(1.0, static_cast<double>(history.to_ms - history.from_ms) / (kDay * 1000));
  // deployments that a person aborted say nothing
  const std::int64_t judged = report.succeeded + reverted;
  const auto set = [&report](Figure figure, std::optional<double> value, std::int64_t samples) {
    report.results[static_cast<std::size_t>(figure)] = {value, samples,
                                                        standing_of(figure, value, samples)};
  };
  // No deployment at all means no data, not a failure: a proxy may just have been installed.
  set(Figure::DeploymentFrequency,
      report.deployments == 0 ? std::nullopt
                              : std::optional(static_cast<double>(report.succeeded) / days),
      report.succeeded);
  set(Figure::LeadTime, median(lead_times), static_cast<std::int64_t>(lead_times.size()));
  set(Figure::ChangeFailureRate, ratio(report.failed, judged), judged);
  set(Figure::TimeToRecovery, median(recoveries), static_cast<std::int64_t>(recoveries.size()));
  set(Figure::SuccessRate, ratio(report.succeeded, report.deployments), report.deployments);
  return report;
}

}  // namespace cutwater::control::dora
