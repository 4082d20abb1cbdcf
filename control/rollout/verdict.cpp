#include "control/rollout/verdict.hpp"

#include <algorithm>
#include <cstdio>

#include "config/units.hpp"
#include "control/json_text.hpp"

namespace cutwater::control {
namespace json = boost::json;
using guard::GuardReport;
using guard::TestReport;
using guard::Verdict;
namespace {

std::string short_number(double value) {
  char text[32];
  if (value >= 1e6)
    std::snprintf(text, sizeof text, "%.3g", value);
  else if (value >= 100)
    std::snprintf(text, sizeof text, "%.0f", value);
  else
    std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

const TestReport* deciding_test(const GuardReport& report) {
  const TestReport* found = nullptr;
  for (const TestReport& test : report.tests) {
    if (report.failed_test && test.name == *report.failed_test) return &test;
    if (test.verdict == Verdict::Fail && found == nullptr) found = &test;
  }
  return found;
}

std::int64_t micros_to_decision(const GuardReport& report) {
  if (!report.first_bad || !report.decided) return -1;
  return std::chrono::duration_cast<std::chrono::microseconds>(*report.decided - *report.first_bad)
      .count();
}

std::string claim(const std::string& version, const TestReport& test,
                  const config::Guards& limits) {
  if (test.name == "error_rate")
    return "error rate of " + version + " is above " + cutwater::to_string(limits.error_rate);
  const auto limit = test.name == "p95_critical" ? limits.p95_critical : limits.p95;
  return "p95 of " + version + " is above " + config::to_string(limit);
}

}  // namespace

config::Guards limits_of(config::Guards guards, const config::StepGuards& step) {
  guards.error_rate = step.error_rate.value_or(guards.error_rate);
  guards.p95 = step.p95.value_or(guards.p95);
  guards.p95_critical = std::max(guards.p95, step.p95_critical.value_or(guards.p95_critical));
  return guards;
}

std::uint64_t samples(const GuardReport& report) {
  std::uint64_t most = 0;
  for (const TestReport& test : report.tests) most = std::max(most, test.bad + test.good);
  return most;
}

bool failed(const GuardReport& report) {
  return report.tripped || report.verdict == Verdict::Fail;
}

bool baseline_failing(const Evidence& evidence) {
  return evidence.baseline && evidence.baseline->verdict == Verdict::Fail;
}

std::string failure_sentence(const std::string& version, const Evidence& evidence) {
  const GuardReport& report = evidence.report;
  const TestReport* test = deciding_test(report);
  if (test == nullptr) return version + " failed its guard";
  std::string out = claim(version, *test, evidence.limits) + ": ";
  out += std::to_string(test->bad) + " of " + std::to_string(test->bad + test->good);
  out += test->name == "error_rate" ? " requests failed" : " requests were slower";
  out += ", e-value " + short_number(test->evidence) + " >= " + short_number(test->alarm_at);
  if (const std::int64_t micros = micros_to_decision(report); micros >= 0)
    out += "; decided " + std::to_string((micros + 500) / 1000) + " ms after the first " +
           (test->name == "error_rate" ? "failure" : "slow response");
  return out;
}

std::string hold_cause(Verdict verdict) {
  if (verdict == Verdict::CommonCause) return "common_cause";
  return verdict == Verdict::NoTraffic ? "no_traffic" : "inconclusive";
}

std::string hold_sentence(const std::string& version, Verdict verdict, const GuardReport& report) {
  if (verdict == Verdict::NoTraffic)
    return version + " has had no requests at this step; it goes on by itself when traffic returns";
  if (verdict == Verdict::CommonCause) {
    const std::string other = report.baseline.empty() ? "the stable version" : report.baseline;
    return version + " and " + other + " fail alike: something both depend on is broken, " +
           version + " is not the worse of the two";
  }
  std::string out = "not enough evidence yet that " + version + " is healthy";
  if (report.requests_needed_to_pass > 0)
    out += ": about " + std::to_string(report.requests_needed_to_pass) + " more good requests";
  return out;
}

json::object test_json(const TestReport& test) {
  return {{"name", test.name},
          {"verdict", guard::to_string(test.verdict)},
          {"bad", test.bad},
          {"good", test.good},
          {"rate", rounded(test.rate, 6)},
          {"rate_low", rounded(test.rate_low, 6)},
          {"rate_high", rounded(test.rate_high, 6)},
          {"threshold_rate", rounded(test.threshold_rate, 6)},
          {"e_value", rounded(test.evidence, 6)},
          {"alarm_at", rounded(test.alarm_at, 6)},
          {"pass_e_value", rounded(test.pass_evidence, 6)},
          {"pass_at", rounded(test.pass_at, 6)}};
}

json::object evidence_json(const GuardReport& report) {
  json::array tests;
  for (const TestReport& test : report.tests) tests.push_back(test_json(test));
  json::object out{{"verdict", guard::to_string(report.verdict)},
                   {"requests", samples(report)},
                   {"failed_attempts", report.failed_attempts},
                   {"distinct_clients", report.distinct_clients},
                   {"tests", std::move(tests)}};
  if (!report.baseline.empty()) out["baseline"] = report.baseline;
  if (const TestReport* test = deciding_test(report); failed(report) && test != nullptr) {
    out["guard"] = test->name;
    out["e_value"] = rounded(test->evidence, 6);
    out["threshold"] = rounded(test->alarm_at, 6);
    out["rate"] = rounded(test->rate, 6);
    out["rate_low"] = rounded(test->rate_low, 6);
    out["rate_high"] = rounded(test->rate_high, 6);
  }
  if (report.requests_to_decision > 0) out["deciding_request"] = report.requests_to_decision;
  if (const std::int64_t micros = micros_to_decision(report); micros >= 0)
    out["first_bad_to_decision_ms"] = rounded(static_cast<double>(micros) / 1000.0, 3);
  return out;
}

}  // namespace cutwater::control
