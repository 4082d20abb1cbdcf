// Provides a rollout for which the test sets the clock and the guard's report.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "control/rollout/engine.hpp"

namespace cutwater::control {

using namespace std::chrono_literals;

inline guard::TestReport test_report(guard::Verdict verdict, std::uint64_t bad,
                                     std::uint64_t good) {
  guard::TestReport test;
  test.name = "error_rate";
  test.verdict = verdict;
  test.bad = bad;
  test.good = good;
  test.rate = bad + good == 0 ? 0 : static_cast<double>(bad) / static_cast<double>(bad + good);
  test.evidence = verdict == guard::Verdict::Fail ? 1274.4 : 0.5;
  test.alarm_at = 400;
  test.pass_at = 20;
  return test;
}

inline guard::GuardReport report(guard::Verdict verdict, std::uint64_t bad, std::uint64_t good) {
  guard::GuardReport out;
  out.armed = true;
  out.verdict = verdict;
  out.tests = {test_report(verdict, bad, good)};
  if (verdict == guard::Verdict::Fail) {
    out.tripped = true;
    out.failed_test = "error_rate";
    out.failed_attempts = bad;
    out.requests_to_decision = bad + good;
    out.first_bad = TimePoint(1s);
    out.decided = TimePoint(1s + 12ms);
  }
  return out;
}

// Holds the service and its rollout as the control plane drives them.
struct Bench {
  ServiceState service;
  EngineState rollout;
  TimePoint now{100s};
  std::uint64_t requests = 0;
  std::int64_t wall_start_ms = 1'764'000'000'000;  // 2025-11-24T16:00:00Z, a Monday
  Share can_carry = Share::percent(100);
  double requests_per_second = 0;
  double latency_s = 0;
  std::vector<effect::Decide> decisions;

  explicit Bench(Plan::OnInconclusive on_inconclusive = Plan::OnInconclusive::Hold) {
    service.name = "shop";
    service.stable = "blue";
    service.weights = {{"blue", Share::percent(100)}, {"green", Share{}}, {"red", Share{}}};
    rollout.id = "r1";
    rollout.service = "shop";
    rollout.from = "blue";
    rollout.to = "green";
    rollout.actor = "ana";
    rollout.before = service.weights;
    for (const int weight : {5, 25, 100})
      rollout.plan.stages.push_back({Share::percent(weight), 60s, false, {}});
    rollout.plan.max_step = 600s;
    rollout.plan.on_inconclusive = on_inconclusive;
    rollout.plan.approval_expiry = 1h;
  }
  // Sets the shop up as a rolling rollout finds it: three servers, each deployed in place.
  void becomes_rolling(std::size_t max_unavailable = 1) {
    rollout.plan.strategy = "rolling";
    rollout.plan.max_unavailable = max_unavailable;
    rollout.plan.stages.clear();
    for (const char* url : {"http://a", "http://b", "http://c"})
      rollout.plan.endpoints.push_back({url, url});
    for (std::size_t moved = 0; moved < 3;) {
      moved = std::min<std::size_t>(moved + max_unavailable, 3);
      rollout.plan.stages.push_back(
          {Share{static_cast<std::int32_t>(Share::kWhole * moved / 3)}, 60s, false, {}});
    }
  }

  Transition happens(const RolloutEvent& event) {
    Transition transition = apply(rollout, event);
    for (const Effect& effect : transition.effects) {
      apply_to_service(effect, service);
      if (const auto* decide = std::get_if<effect::Decide>(&effect)) decisions.push_back(*decide);
    }
    return transition;
  }
  Transition starts() { return happens(event::Start{}); }
  Transition switches(guard::Verdict verdict = guard::Verdict::Inconclusive) {
    return happens(event::WeightsSwitched{now, report(verdict, 0, requests)});
  }
  Transition tick(Nanoseconds later, guard::Verdict verdict, std::uint64_t new_requests) {
    now += later;
    requests += new_requests;
    const std::uint64_t bad = verdict == guard::Verdict::Fail ? 5 : 0;
    return happens(event::Tick{surroundings(), {report(verdict, bad, requests), {}}});
  }
  // The same while stable is above a limit.
  Transition tick_beside_broken_stable(Nanoseconds later, guard::Verdict verdict,
                                       std::uint64_t new_requests) {
    now += later;
    requests += new_requests;
    return happens(event::Tick{
        surroundings(), {report(verdict, 0, requests), {}, report(guard::Verdict::Fail, 9, 1)}});
  }
  Surroundings surroundings() const {
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    return {now, wall_start_ms + since.count(), can_carry, requests_per_second, latency_s};
  }
  // The task at hand is done, or its answer is no.
  Transition done(bool ok = true, const std::string& reason = "as asked") {
    EXPECT_TRUE(rollout.task.has_value());
    return happens(event::Done{rollout.task ? rollout.task->id : 0, ok, reason});
  }
  Transition approver(event::Command::Kind kind, const std::string& who = "carl") {
    return happens(event::Command{kind, who, "", surroundings(), true, false});
  }
  std::string waits_for() const {
    return rollout.task ? std::string(to_string(rollout.task->kind)) : "";
  }
  Transition person(event::Command::Kind kind, const std::string& why = "") {
    return happens(event::Command{kind, "bob", why, surroundings(), false, false});
  }

  int green() const { return service.weights.at("green").millionths / 10'000; }
  std::string last_action() const { return decisions.empty() ? "" : decisions.back().action; }
};

}  // namespace cutwater::control
