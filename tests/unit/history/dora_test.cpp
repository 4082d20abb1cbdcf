// Tests the DORA figures of made-up histories, worked out by hand.
#include "control/history/dora.hpp"

#include <gtest/gtest.h>

namespace cutwater::control::dora {
namespace {

using End = Deployment::End;

constexpr std::int64_t kSecond = 1000, kHour = 3600 * kSecond, kDay = 24 * kHour;
constexpr std::int64_t kNow = 1'795'000'000'000;

History thirty_days(std::vector<Deployment> deployments) {
  History history;
  history.deployments = std::move(deployments);
  history.from_ms = kNow - 30 * kDay;
  history.to_ms = kNow;
  return history;
}
Deployment succeeded(std::optional<std::int64_t> lead = std::nullopt) {
  Deployment one{"shop", End::Succeeded, kNow - kDay, {}, {}};
  if (lead) one.commit_ms = one.finished_ms - *lead;
  return one;
}
Deployment rolled_back(std::optional<std::int64_t> recovery = std::nullopt) {
  return {"shop", End::RolledBack, kNow - kDay, {}, recovery};
}
Deployment aborted() {
  return {"shop", End::Aborted, kNow - kDay, {}, {}};
}
std::vector<Deployment> times(int count, const Deployment& one) {
  return std::vector<Deployment>(static_cast<std::size_t>(count), one);
}
std::vector<Deployment> operator+(std::vector<Deployment> a, const std::vector<Deployment>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Dora, NothingIsNoData) {
  const Report report = calculate(thirty_days({}));
  for (const Figure figure : kFigures) {
    EXPECT_FALSE(report.of(figure).value) << name_of(figure);
    EXPECT_EQ(report.of(figure).standing, Standing::NoData);
  }
}

TEST(Dora, FrequencyIsPerDayOfTheWindow) {
  EXPECT_DOUBLE_EQ(
      *calculate(thirty_days(times(60, succeeded()))).of(Figure::DeploymentFrequency).value, 2.0);
  const Report rare = calculate(thirty_days(times(15, succeeded())));
  EXPECT_DOUBLE_EQ(*rare.of(Figure::DeploymentFrequency).value, 0.5);
  EXPECT_EQ(rare.of(Figure::DeploymentFrequency).standing, Standing::OffTarget);
}

TEST(Dora, AYoungHistoryIsNotDividedByDaysItHasNotSeen) {
  History history = thirty_days(times(4, succeeded()));
  history.from_ms = kNow - 2 * kDay;
  EXPECT_DOUBLE_EQ(*calculate(history).of(Figure::DeploymentFrequency).value, 2.0);
  history.from_ms = kNow - kHour;
  EXPECT_DOUBLE_EQ(*calculate(history).of(Figure::DeploymentFrequency).value, 4.0)
      << "an hour counts as a day";
}

TEST(Dora, LeadTimeIsTheMedianOfThoseThatSaidTheirCommit) {
  const auto lead = [](std::vector<Deployment> deployments) {
    return calculate(thirty_days(std::move(deployments))).of(Figure::LeadTime);
  };
  const Result odd = lead(
      {succeeded(kHour), succeeded(2 * kHour), succeeded(90 * kDay), succeeded(), rolled_back()});
  EXPECT_DOUBLE_EQ(*odd.value, 2 * 3600);
  EXPECT_EQ(odd.samples, 3);
  EXPECT_EQ(odd.standing, Standing::OnTarget);
  EXPECT_DOUBLE_EQ(*lead({succeeded(kHour), succeeded(3 * kHour)}).value, 2 * 3600);
  EXPECT_EQ(lead({succeeded(2 * kDay)}).standing, Standing::OffTarget);
  EXPECT_EQ(lead({succeeded(3 * kDay)}).standing, Standing::OffTarget) << "exactly 3 days";
  EXPECT_EQ(lead({succeeded(3 * kDay + kSecond)}).standing, Standing::Alert);
  EXPECT_EQ(lead({succeeded(-kHour)}).samples, 0) << "committed after it was deployed";
}

TEST(Dora, FailureRateCountsWhatWasRolledBackAtOnceOrLater) {
  const auto rate = [](const History& history) {
    return calculate(history).of(Figure::ChangeFailureRate);
  };
  EXPECT_EQ(rate(thirty_days(times(17, succeeded()) + times(3, rolled_back()))).standing,
            Standing::OnTarget);
  EXPECT_DOUBLE_EQ(*rate(thirty_days(times(3, succeeded()) + times(1, rolled_back()))).value, 0.25);
  EXPECT_EQ(rate(thirty_days(times(3, succeeded()) + times(1, rolled_back()))).standing,
            Standing::OffTarget);
  EXPECT_EQ(rate(thirty_days(times(4, succeeded()) + times(2, rolled_back()))).standing,
            Standing::Alert);
  EXPECT_EQ(rate(thirty_days(times(2, succeeded()) + times(2, rolled_back()))).standing,
            Standing::OffTarget)
      << "four deployments are no rate";
  History later = thirty_days(times(4, succeeded()));
  later.later_rollbacks = 1;
  EXPECT_DOUBLE_EQ(*rate(later).value, 0.25);
  EXPECT_FALSE(rate(thirty_days({aborted()})).value) << "a person changed their mind";
}

TEST(Dora, RecoveryIsTheMedianFromTheFirstBadRequest) {
  const Report report = calculate(
      thirty_days({rolled_back(200), rolled_back(400), rolled_back(90'000), rolled_back()}));
  EXPECT_DOUBLE_EQ(*report.of(Figure::TimeToRecovery).value, 0.4);
  EXPECT_EQ(report.of(Figure::TimeToRecovery).samples, 3);
  EXPECT_EQ(report.of(Figure::TimeToRecovery).standing, Standing::OnTarget);
  History later = thirty_days({succeeded(), succeeded()});
  later.later_rollbacks = 2;  // one by the guard that watched on, one by hand
  later.later_recoveries_ms = {300};
  EXPECT_DOUBLE_EQ(*calculate(later).of(Figure::TimeToRecovery).value, 0.3);
  EXPECT_EQ(calculate(thirty_days({rolled_back(2 * kHour)})).of(Figure::TimeToRecovery).standing,
            Standing::OffTarget);
  EXPECT_EQ(calculate(thirty_days({rolled_back(5 * kHour)})).of(Figure::TimeToRecovery).standing,
            Standing::Alert);
}

TEST(Dora, SuccessRateIsOfEverythingThatEnded) {
  const auto rate = [](std::vector<Deployment> deployments) {
    return calculate(thirty_days(std::move(deployments))).of(Figure::SuccessRate);
  };
  EXPECT_EQ(rate(times(96, succeeded()) + times(2, aborted()) + times(2, rolled_back())).standing,
            Standing::OnTarget);
  EXPECT_EQ(rate(times(92, succeeded()) + times(8, aborted())).standing, Standing::OffTarget);
  EXPECT_EQ(rate(times(8, succeeded()) + times(2, aborted())).standing, Standing::Alert);
  EXPECT_EQ(rate({aborted()}).standing, Standing::OffTarget)
      << "one that was aborted alarms nobody";
}

TEST(Dora, GoalsAreTheMissions) {
  EXPECT_EQ(goal_of(Figure::DeploymentFrequency).target, 1);
  EXPECT_FALSE(goal_of(Figure::DeploymentFrequency).alert);
  EXPECT_EQ(goal_of(Figure::LeadTime).alert, 3 * 86400.0);
  EXPECT_EQ(goal_of(Figure::TimeToRecovery).alert, 4 * 3600.0);
}

}  // namespace
}  // namespace cutwater::control::dora
