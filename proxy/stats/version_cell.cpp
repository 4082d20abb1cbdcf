#include "proxy/stats/version_cell.hpp"

#include <numeric>

namespace cutwater::stats {

std::uint64_t VersionTotals::attempts() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), std::uint64_t{0}) -
         outcomes[static_cast<std::size_t>(Outcome::ClientAbort)] -
         outcomes[static_cast<std::size_t>(Outcome::TooLarge)];
}

std::uint64_t VersionTotals::errors() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (is_error(static_cast<Outcome>(i))) sum += outcomes[i];
  return sum;
}

VersionTotals& VersionTotals::operator+=(const VersionTotals& other) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += other.outcomes[i];
  for (std::size_t i = 0; i < code_class.size(); ++i) code_class[i] += other.code_class[i];
  latency += other.latency;
  ignored += other.ignored;
  return *this;
}

VersionTotals VersionTotals::operator-(const VersionTotals& earlier) const {
  VersionTotals window = *this;
  for (std::size_t i = 0; i < outcomes.size(); ++i) window.outcomes[i] -= earlier.outcomes[i];
  for (std::size_t i = 0; i < code_class.size(); ++i) window.code_class[i] -= earlier.code_class[i];
  window.latency = latency - earlier.latency;
  window.ignored -= earlier.ignored;
  return window;
}

void VersionCell::record(const AttemptResult& result, TimePoint now) {
  outcomes_[static_cast<std::size_t>(result.outcome)].add();
  const int code = result.status / 100;
  code_class_[code >= 1 && code <= 5 ? static_cast<std::size_t>(code) : 0].add();
  if (result.says_nothing()) return;
  clients_.add(result.client, now);
  // A failure has no latency: fast ones would make a broken version look quick.
  if (result.outcome == Outcome::Success && result.latency_valid) latency_.record(result.latency);
}

void VersionCell::add_to(VersionTotals& totals) const {
  for (std::size_t i = 0; i < outcomes_.size(); ++i) totals.outcomes[i] += outcomes_[i].get();
  for (std::size_t i = 0; i < code_class_.size(); ++i) totals.code_class[i] += code_class_[i].get();
  latency_.add_to(totals.latency);
  totals.ignored += ignored_.get();
}

}  // namespace cutwater::stats
