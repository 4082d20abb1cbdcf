#include "control/rollout/verdict.hpp"

#include <algorithm>
#include <cstdio>

#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "proxy/guard/pass_evidence.hpp"

namespace cutwater::control {
namespace json = boost::json;
using guard::GuardReport;
using guard::TestReport;
using guard::Verdict;
namespace {

// Writes "1.3e19" where printf would write "1.27e+19": of so large an e-value its size counts.
std::string short_number(double value) {
  char text[32];
  if (value >= 1e6) {
    std::snprintf(text, sizeof text, "%.1e", value);
    std::string out = text;
    const std::size_t exponent = out.find('e') + 1;
    const std::size_t digits = out.find_first_not_of("+0", exponent);
    return out.erase(exponent, digits - exponent);
  }
  if (value >= 100)
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

bool is_latency(const TestReport& test) {
  return test.slow_above || test.name == "p95" || test.name == "p95_critical";
}

std::int64_t micros_to_decision(const GuardReport& report) {
  if (!report.first_bad || !report.decided) return -1;
  return std::chrono::duration_cast<std::chrono::microseconds>(*report.decided - *report.first_bad)
      .count();
}

std::string percent(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g%%", rate * 100);
  return text;
}

// Writes "4.1x", or "above" when the other version has none.
std::string times(double rate, double other) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1fx", rate / other);
  return other > 0 ? text : "";
}

std::string relative_claim(const std::string& version, const TestReport& test,
                           const std::string& baseline) {
  const bool errors = !test.slow_above;
  const std::string ratio = times(test.rate, test.baseline->rate);
  if (errors)
    return "error rate of " + version + " is " +
           (ratio.empty() ? "above that of " : ratio + " that of ") + baseline;
  char text[64];
  std::snprintf(text, sizeof text, "p%g", test.quantile * 100);
  return std::string(text) + " of " + version + " is above that of " + baseline;
}

std::string claim(const std::string& version, const TestReport& test, const Evidence& evidence) {
  const config::Guards& limits = evidence.limits;
  if (test.baseline) return relative_claim(version, test, evidence.report.baseline);
  if (test.name == "error_rate_of_the_past")
    return "error rate of " + version + " is above " + percent(test.threshold_rate) +
           ", twice what " + evidence.report.baseline + " had before";
  if (test.name == "error_rate")
    return "error rate of " + version + " is above " + cutwater::to_string(limits.error_rate);
  const auto limit = test.name == "p95_critical" ? limits.p95_critical : limits.p95;
  return "p95 of " + version + " is above " + config::to_string(limit);
}

// Writes "status 500: 12, connection refused or failed: 3".
std::string kinds_text(const std::vector<guard::FailureKind>& kinds) {
  std::string out;
  for (const auto& [name, count] : kinds) {
    std::string words = name == "connect_failed" ? "connection refused or failed" : name;
    std::replace(words.begin(), words.end(), '_', ' ');
    out += (out.empty() ? "" : ", ") + words + ": " + std::to_string(count);
  }
  return out;
}

// The test looks for the moment from which too much failed, so the run since then is what decided:
// the share since the guard was armed may be far below the limit.
bool has_own_run(const GuardReport& report) {
  return report.failed_in_run > 0 && report.requests_to_decision > 0 &&
         report.requests_to_decision < report.requests_since_arming;
}

std::string given_up_text(const TestReport& test) {
  return test.given_up == 0 ? "" : std::to_string(test.given_up) + " given up by their clients";
}

// Writes "31 of 1520 requests failed"; of a run that decided, "12 of the last 14 requests failed
// (status 500: 12; 16 of all 909 since the guard was armed)".
std::string counted(const TestReport& test, const GuardReport& report) {
  const bool run = has_own_run(report) && !test.slow_above;
  const std::uint64_t bad = run ? report.failed_in_run : test.bad;
  const std::uint64_t all = run ? report.requests_to_decision : test.bad + test.good;
  std::string out =
      std::to_string(bad) + (run ? " of the last " : " of ") + std::to_string(all) + " requests ";
  if (test.slow_above) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3g ms",
                  std::chrono::duration<double, std::milli>(*test.slow_above).count());
    return out + "took longer than " + text;
  }
  out += is_latency(test) ? "were slower" : "failed";
  std::string more = is_latency(test) ? given_up_text(test) : kinds_text(report.failure_kinds);
  if (run && test.name != "error_rate_of_the_past")  // that one counts from a later moment
    more += (more.empty() ? "" : "; ") + std::to_string(report.failed_attempts) + " of all " +
            std::to_string(report.requests_since_arming) + " since the guard was armed";
  return more.empty() ? out : out + " (" + more + ")";
}

bool passes_since(const TestReport& then, const TestReport& now) {
  const auto more = [](std::uint64_t was, std::uint64_t is) { return is < was ? is : is - was; };
  const guard::PassCounts counts{more(then.bad, now.bad), more(then.good, now.good),
                                 more(then.cold_bad, now.cold_bad),
                                 more(then.cold_good, now.cold_good)};
  return guard::pass_evidence(now.threshold_rate, counts) >= now.pass_at;
}

}  // namespace

config::Guards limits_of(config::Guards guards, const config::GuardLimits& step) {
  guards.error_rate = step.error_rate.value_or(guards.error_rate);
  guards.p95 = step.p95.value_or(guards.p95);
  guards.p95_critical = std::max(guards.p95, step.p95_critical.value_or(guards.p95_critical));
  return guards;
}

std::uint64_t samples(const GuardReport& report) {
  std::uint64_t most = 0;
  for (const TestReport& test : report.tests)
    // relative tests compare arrivals
    if (!test.baseline) most = std::max(most, test.bad + test.good);
  return most;
}

bool failed(const GuardReport& report) {
  return report.tripped || report.verdict == Verdict::Fail;
}

bool baseline_failing(const Evidence& evidence) {
  return evidence.baseline && evidence.baseline->verdict == Verdict::Fail;
}

bool passes_beside(const std::optional<GuardReport>& then, const GuardReport& now) {
  if (!then) return false;
  return std::all_of(now.tests.begin(), now.tests.end(), [&](const TestReport& test) {
    if (test.pass_at == 0) return test.verdict != Verdict::Fail;  // it can only fail a version
    const auto before = std::find_if(then->tests.begin(), then->tests.end(),
                                     [&](const auto& one) { return one.name == test.name; });
    return before != then->tests.end() && passes_since(*before, test);
  });
}

std::string failure_sentence(const std::string& version, const Evidence& evidence) {
  const GuardReport& report = evidence.report;
  const TestReport* test = deciding_test(report);
  if (test == nullptr) return version + " failed its guard";
  const std::string who = evidence.route.empty() ? version : version + " on " + evidence.route;
  std::string out = claim(who, *test, evidence) + ": " + counted(*test, report);
  if (const auto& other = test->baseline)
    out += " (" + percent(test->rate) + "), of " + report.baseline + " " +
           std::to_string(other->bad) + " of " + std::to_string(other->bad + other->good) + " (" +
           percent(other->rate) + ")";
  out += ", e-value " + short_number(test->evidence) + " >= " + short_number(test->alarm_at);
  if (const std::int64_t micros = micros_to_decision(report); micros >= 0)
    out += "; decided " + std::to_string((micros + 500) / 1000) + " ms after the first " +
           (is_latency(*test) ? "slow response" : "failure");
  return out;
}

std::string blame_sentence(const std::string& version, const Evidence& evidence) {
  const std::string other =
      evidence.report.baseline.empty() ? "the stable version" : evidence.report.baseline;
  return version + " and " + other + " fail alike, and the weight of " + version +
         " rose within the last " + config::to_string(evidence.limits.blame_window) +
         ": it may have overloaded what both depend on";
}

std::string repair_sentence(const std::string& version, const std::string& baseline) {
  return baseline + " is above a limit, and every guard of " + version +
         " has passed since then: " + version + " is its repair and goes on";
}

std::string hold_cause(Verdict verdict) {
  if (verdict == Verdict::CommonCause) return "common_cause";
  return verdict == Verdict::NoTraffic ? "no_traffic" : "inconclusive";
}

std::string hold_sentence(const std::string& version, Verdict verdict, const GuardReport& report) {
  if (verdict == Verdict::NoTraffic)
    return version + " has had no requests at this step" +
           (report.ignored > 0 ? ", only probes (guards.ignore)" : "") +
           "; it goes on by itself when traffic returns";
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
  json::object out{{"name", test.name},
                   {"verdict", guard::to_string(test.verdict)},
                   {"bad", test.bad},
                   {"good", test.good},
                   {"rate", rounded(test.rate, 6)},
                   {"rate_low", rounded(test.rate_low, 6)},
                   {"rate_high", rounded(test.rate_high, 6)},
                   {"threshold_rate", rounded(test.threshold_rate, 6)},
                   {"e_value", rounded(test.evidence, 6)},
                   {"alarm_at", rounded(test.alarm_at, 6)}};
  if (test.pass_at > 0) {
    out["pass_e_value"] = rounded(test.pass_evidence, 6);
    out["pass_at"] = rounded(test.pass_at, 6);
  }
  if (test.given_up > 0) out["given_up"] = test.given_up;
  if (const std::uint64_t cold = test.cold_bad + test.cold_good; cold > 0)
    out["left_out"] = json::object{{"cold", cold}, {"cold_slow", test.cold_bad}};
  if (test.baseline)
    out["baseline"] = json::object{{"bad", test.baseline->bad},
                                   {"good", test.baseline->good},
                                   {"rate", rounded(test.baseline->rate, 6)}};
  if (test.slow_above) {
    out["slow_above_ms"] =
        rounded(std::chrono::duration<double, std::milli>(*test.slow_above).count(), 3);
    out["quantile"] = rounded(test.quantile, 2);
  }
  return out;
}

json::object evidence_json(const GuardReport& report) {
  json::array tests;
  for (const TestReport& test : report.tests) tests.push_back(test_json(test));
  json::object out{{"verdict", guard::to_string(report.verdict)},
                   {"requests", samples(report)},
                   {"failed_attempts", report.failed_attempts},
                   {"distinct_clients", report.distinct_clients},
                   {"tests", std::move(tests)}};
  if (report.ignored > 0) out["ignored"] = report.ignored;
  if (!report.baseline.empty()) out["baseline"] = report.baseline;
  if (report.dry_run) out["dry_run"] = true;
  if (const TestReport* test = deciding_test(report); report.failed_test && test != nullptr) {
    out["guard"] = test->name;
    out["e_value"] = rounded(test->evidence, 6);
    out["threshold"] = rounded(test->alarm_at, 6);
    out["rate"] = rounded(test->rate, 6);
    out["rate_low"] = rounded(test->rate_low, 6);
    out["rate_high"] = rounded(test->rate_high, 6);
  }
  if (report.requests_to_decision > 0) out["deciding_request"] = report.requests_to_decision;
  if (report.failed_in_run > 0)
    out["run"] = json::object{{"requests", report.requests_to_decision},
                              {"failed", report.failed_in_run},
                              {"requests_since_arming", report.requests_since_arming}};
  if (!report.failure_kinds.empty()) {
    json::object kinds;
    for (const auto& [name, count] : report.failure_kinds) kinds[name] = count;
    out["failures_by_kind"] = std::move(kinds);
  }
  if (const std::int64_t micros = micros_to_decision(report); micros >= 0)
    out["first_bad_to_decision_ms"] = rounded(static_cast<double>(micros) / 1000.0, 3);
  return out;
}

}  // namespace cutwater::control
