// Computes the DORA figures of a window of history (https://dora.dev/guides/dora-metrics-four-keys,
// and the rate of successful rollouts): how often, how fast, how well. It is a pure calculator:
// values go in, values come out, the time is an argument.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cutwater::control::dora {

// Describes one attempt to bring a version to all users that has come to its end.
struct Deployment {
  enum class End { Succeeded, RolledBack, Aborted };
  std::string service;
  End end = End::Succeeded;
  std::int64_t finished_ms = 0;
  std::optional<std::int64_t> commit_ms;    // for lead time, if the script gave it
  std::optional<std::int64_t> recovery_ms;  // from the first bad request to the last worker's
                                            // switch
};

struct History {
  std::vector<Deployment> deployments;
  // Counts returns to the version before, after the new one had been promoted, by hand or by the
  // guard that watched on: the change failed although its rollout had succeeded.
  std::int64_t later_rollbacks = 0;
  std::vector<std::int64_t> later_recoveries_ms;  // for those where the first bad request is known
  std::int64_t from_ms = 0;  // the begin of the window, or of history if that is later
  std::int64_t to_ms = 0;
};

enum class Figure { DeploymentFrequency, LeadTime, ChangeFailureRate, TimeToRecovery, SuccessRate };
inline constexpr std::array kFigures = {Figure::DeploymentFrequency, Figure::LeadTime,
                                        Figure::ChangeFailureRate, Figure::TimeToRecovery,
                                        Figure::SuccessRate};
std::string_view name_of(Figure figure);  // "deployment_frequency", ...

// Says which value is aimed at, and at which value somebody should be told, in the figure's own
// unit: per day, seconds, or a ratio.
struct Goal {
  bool high_is_good = false;
  double target = 0;
  std::optional<double> alert;  // none: a quiet week alarms nobody
};
Goal goal_of(Figure figure);

enum class Standing { NoData, OnTarget, OffTarget, Alert };
std::string_view to_string(Standing standing);

struct Result {
  std::optional<double> value;  // medians of times, so that one bad day does not hide thirty good
                                // ones
  std::int64_t samples = 0;
  Standing standing = Standing::NoData;
};

struct Report {
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;
  std::int64_t deployments = 0;  // that have ended, including aborted ones
  std::int64_t succeeded = 0;
  std::int64_t failed = 0;  // rolled back, at once or later
  std::array<Result, kFigures.size()> results;

  const Result& of(Figure figure) const { return results[static_cast<std::size_t>(figure)]; }
};
Report calculate(const History& history);

}  // namespace cutwater::control::dora
