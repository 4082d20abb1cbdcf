// The relative guard of one version under rollout: is it worse than the stable version, on requests
// that were dealt between the two by chance? (statistics.md 3.) Errors, and latency against limits
// T* frozen from the stable version's past quantiles. Or of one ramping flag: its users are the
// candidate, and those whom its dice have kept out are the baseline, its control group.
//
// The tests need failures in the order in which their requests *arrived*: in the order in which
// they end, a candidate that fails fast beside a stable version that times out would look worse at
// equal rates. So requests belong to the tick they arrived in, and a tick is judged when all of its
// requests are over (or have run as long as a request may), in order.
//
// Threads: enter() and leave() on any worker, without a lock; the rest on control, serialised by
// the candidate's monitor. Owned by shared_ptr: snapshots hold it, so it outlives its requests.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/clock.hpp"
#include "proxy/guard/cohort_cell.hpp"
#include "proxy/guard/failing_clients.hpp"
#include "proxy/guard/relative_evidence.hpp"
#include "proxy/guard/report.hpp"
#include "proxy/stats/outcome.hpp"

namespace cutwater::guard {

struct ComparisonPolicy {
  // r0 of errors: up to this much worse is no failure. Of latency the margin of T* is that.
  double tolerance = 1.25;
  double alpha_errors = 0.0025;        // of the rollout's 1 % (statistics.md 5)
  double alpha_latency = 0.0025;       // all quantiles together
  std::uint32_t min_failed = 4;        // floor of the trip, candidate's
  std::uint32_t min_clients = 3;       // distinct, waived while few use the service at all
  Nanoseconds patience = Seconds(60);  // what runs longer than a request may is not waited for
  // The baseline is the control group of a flag: errors only, and a subject counts once for each
  // share.
  bool control_group = false;
};

// A request's place in the comparison. Lives in its exchange.
struct CohortTicket {
  std::int64_t tick = -1;
  TimePoint arrival{};
  double weight = 0;
  std::uint64_t client = 0;
  std::uint32_t limits = 0;  // the T* that were frozen when it was assigned
  bool candidate = false;
  bool joined() const { return tick >= 0; }
};

class Comparison {
 public:
  static constexpr std::array kQuantiles = {0.50, 0.90, 0.95, 0.99};
  using LatencyLimits = std::array<Nanoseconds, kQuantiles.size()>;
  // T* = 1.10 x the baseline's quantile, and never closer to it than this: nobody notices less, and
  // a network hop more or less is not a fault of the version.
  static constexpr double kLatencyMargin = 1.10;
  static constexpr Nanoseconds kLeastMargin = std::chrono::milliseconds(2);
  static LatencyLimits limits_from(const LatencyLimits& baseline_quantiles);

  Comparison(const ComparisonPolicy& policy, unsigned workers, TimePoint now);

  // --- worker side -------------------------------------------------------------------------
  struct Assigned {
    bool candidate = false;
    double weight = 0;  // chance to be the candidate's, among the two
    // Whose request it is: hash of a confirmed subject; 0 = every request its own client.
    std::uint64_t client = 0;
  };
  // Only for a request that was assigned at random and goes where the dice said.
  CohortTicket enter(unsigned worker, TimePoint arrival, const Assigned& assigned);
  // Exactly once after enter(), with how the request's first attempt ended. `comparable`: its
  // latency is the version's, not that of a new connection.
  void leave(unsigned worker, const CohortTicket& ticket, const stats::AttemptResult& result,
             bool comparable);

  // --- control side, one at a time -----------------------------------------------------------
  // For requests assigned from now on.
  void freeze_latency(const LatencyLimits& limits);
  bool has_latency_limits() const { return limits_.load(std::memory_order_relaxed) > 0; }

  bool has_control_group() const { return policy_.control_group; }
  // Judges what has become ripe. `few_clients`: hardly anybody uses the service, so the per-client
  // rules are waived (for both versions alike). True from the moment on that a test has alarmed;
  // the counts go on.
  bool judge(TimePoint now, bool few_clients);

  struct Story {
    std::string test;
    TimePoint first_bad{};
    std::uint64_t requests = 0;  // the candidate's, from the first bad one to the decision
    std::uint64_t failed = 0;
    double evidence = 0;
  };
  const std::optional<Story>& failure() const { return failure_; }
  void add_reports(std::vector<TestReport>& reports) const;
  // Start mass of the error test that nothing has used: for a test that takes over from it.
  double unspent() const { return errors_.front().test.unspent(); }
  double alpha_errors() const { return policy_.alpha_errors; }

 private:
  struct Watch {
    Watch(double tolerance, std::uint32_t min_clients, Nanoseconds window);
    RelativeEvidence test;
    FailingClients candidate_clients;
    FailingClients baseline_clients;  // of a control group: the subjects of both sides
    std::uint64_t candidate_raw = 0;
    double share = 0;  // of a flag: the highest so far
  };
  // Tests that share an alpha: the mean of e-processes is one.
  using Group = std::vector<Watch>;
  struct Onset {
    double evidence = 0;
    TimePoint at{};
    std::uint64_t candidate_arrivals = 0;
    std::uint64_t candidate_failed = 0;
  };

  std::int64_t tick_of(TimePoint time) const { return (time - began_) / tick_length_; }
  std::uint8_t bad_tests(const CohortTicket& ticket, const stats::AttemptResult& result,
                         bool comparable) const;
  std::int64_t close_ticks(std::int64_t now);
  void collect(std::int64_t now);
  void feed(const BadRequest& request, bool few_clients);
  void feed_group(Group& group, Onset& onset, const BadRequest& request, bool few_clients);
  static bool first_of_client(Watch& watch, const BadRequest& request);
  static bool first_of_subject(Watch& watch, const BadRequest& request);
  void look(const Group& group, const Onset& onset, bool few_clients);
  static double evidence(const Group& group);
  static const Watch& strongest(const Group& group);
  TestReport describe(const Group& group, double alpha, const Arrivals& arrivals) const;

  const ComparisonPolicy policy_;
  const TimePoint began_;
  const Nanoseconds tick_length_;
  std::vector<std::unique_ptr<CohortCell>> cells_;  // one per worker
  std::atomic<std::int64_t> closed_{-1};            // ticks up to this one are judged
  // Number of the frozen limits, 0 = none yet; read before and after, so never half of two.
  std::atomic<std::uint32_t> limits_{0};
  std::array<std::atomic<std::int64_t>, kQuantiles.size()> limit_ns_{};

  // Control's.
  std::vector<BadRequest> pending_;
  std::int64_t skip_until_ = -1;  // requests of these ticks were lost: all of them are left out
  Arrivals arrivals_;             // judged so far
  Arrivals arrivals_before_limits_;
  Group errors_;
  Group latency_;  // by kQuantiles; empty: errors only
  Onset errors_onset_;
  Onset latency_onset_;
  std::optional<Story> failure_;
};

}  // namespace cutwater::guard
