// What the guard found, in words and numbers: the sentence an operator reads at 3 am and the
// evidence kept with every decision. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "config/model.hpp"
#include "proxy/guard/version_monitor.hpp"

namespace cutwater::control {

struct Evidence {
  guard::GuardReport report;
  config::Guards limits;
};

// Attempts the guard has judged since it was armed.
std::uint64_t samples(const guard::GuardReport& report);
bool failed(const guard::GuardReport& report);

// "error rate of green is above 5%: 5 of 5 requests failed, e-value 1274 >= 400; decided 12 ms
// after the first failure"
std::string failure_sentence(const std::string& version, const Evidence& evidence);
// "green has had no traffic at this step", "... needs about 40 more good requests"
std::string hold_sentence(const std::string& version, guard::Verdict verdict,
                          const guard::GuardReport& report);
// "no_traffic" or "inconclusive"
std::string hold_cause(guard::Verdict verdict);

boost::json::object test_json(const guard::TestReport& test);
// Counts, rates with intervals, e-values, thresholds, and the story of the decision.
boost::json::object evidence_json(const guard::GuardReport& report);

}  // namespace cutwater::control
