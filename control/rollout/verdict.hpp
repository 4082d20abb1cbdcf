// Puts what the guard found into words and numbers: the sentence an operator reads at 3 am and the
// evidence kept with every decision. It is pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "config/model.hpp"
#include "proxy/guard/report.hpp"

namespace cutwater::control {

// Holds everything that the engine decides by. The verdicts of `report` are:
//   fail          the version is bad, and has already lost its traffic: revert
//   common_cause  it fails, but so does the baseline, and it is not the worse of the two: revert if
//                 its weight rose within guards.blame_window (it may have overloaded what both
//                 depend on), else hold and notify. It ends by itself.
//   pass          proven good. inconclusive, no_traffic: hold
struct Evidence {
  guard::GuardReport report;  // of the candidate, including relative tests
  config::Guards limits;
  // Reports on the version it is compared with, if that version is guarded.
  std::optional<guard::GuardReport> baseline = std::nullopt;
  std::string route = {};  // set if the report is of this route alone, which failed
};

// Says that the baseline is above a limit at this moment: a step goes up only for its repair.
bool baseline_failing(const Evidence& evidence);
// Says that all tests pass on what `now` has counted beyond `then`, which was known when the
// baseline rose above its limit; false without it. Lower counts are those of fresh evidence, and
// count in full.
bool passes_beside(const std::optional<guard::GuardReport>& then, const guard::GuardReport& now);
// Returns the limits at a stage: those of the service, where the stage has none of its own.
config::Guards limits_of(config::Guards guards, const config::GuardLimits& step);

// Counts the attempts that the guard has judged since it was armed.
std::uint64_t samples(const guard::GuardReport& report);
bool failed(const guard::GuardReport& report);

// Writes "error rate of green is above 5%: 5 of 5 requests failed, e-value 1274 >= 400; decided 12
// ms after the first failure"; or "error rate of green is 4.1x that of blue: 31 of 1520 requests
// failed (2.04%), of blue 142 of 28900 (0.491%), e-value ...".
std::string failure_sentence(const std::string& version, const Evidence& evidence);
// Says why a common cause is held against the version all the same: its weight has just risen.
std::string blame_sentence(const std::string& version, const Evidence& evidence);
// Writes "blue is above a limit, and every guard of green has passed since then: ...".
std::string repair_sentence(const std::string& version, const std::string& baseline);
// Writes "green has had no traffic at this step", "... needs about 40 more good requests".
std::string hold_sentence(const std::string& version, guard::Verdict verdict,
                          const guard::GuardReport& report);
// Returns "no_traffic", "common_cause" or "inconclusive".
std::string hold_cause(guard::Verdict verdict);

boost::json::object test_json(const guard::TestReport& test);
// Writes counts, rates with intervals, e-values, thresholds, and the story of the decision.
boost::json::object evidence_json(const guard::GuardReport& report);

}  // namespace cutwater::control
