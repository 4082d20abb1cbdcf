// Implements the relative guard of one version under rollout: it tests whether the version is worse
// than the stable version, on requests that were assigned to one of the two at random
// (proxy/guard/README.md, "Relative guard"). It compares errors, and latency against limits T*
// frozen from the stable version's past quantiles. It also guards a ramping flag: the flag's users
// are the candidate, and the users whom its dice have kept out are the baseline, the control group.
//
// The tests need failures in the order in which their requests *arrived*: in the order in which
// they end, a candidate that fails fast beside a stable version that times out would look worse at
// equal rates. So requests belong to the tick they arrived in, and a tick is judged when all of its
// requests are over (or have run as long as a request may), in order.
//
// Any worker may call enter() and leave(), without a lock; the control thread calls the other
// functions, serialised by the candidate's monitor. A shared_ptr owns the comparison: snapshots
// hold it, so it outlives its requests.
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
#include "proxy/guard/growth_limit.hpp"
#include "proxy/guard/relative_evidence.hpp"
#include "proxy/guard/report.hpp"
#include "proxy/stats/outcome.hpp"

namespace cutwater::guard {

// An answer of the candidate is slow when it took longer than both (1 + share) times and `floor`
// more than the baseline's quantile.
struct LatencyTolerance {
  double share = 0.10;
  Nanoseconds floor = std::chrono::milliseconds(5);
};

struct ComparisonPolicy {
  // This is r0 of the error test: a candidate that is up to this much worse does not fail. For
  // latency, `latency_tolerance` plays that part.
  double tolerance = 1.25;
  LatencyTolerance latency_tolerance;
  double alpha_errors = 0.0025;        // part of the rollout's 1 % (proxy/guard/README.md,
                                       // "Relative guard")
  double alpha_latency = 0.0025;       // shared by all quantiles
  std::uint32_t min_failed = 4;        // floor of the trip: the candidate's failures
  std::uint32_t min_clients = 3;       // distinct clients; waived while few use the service at all
  Nanoseconds patience = Seconds(60);  // a request that runs longer than requests may is not waited
                                       // for
  // The baseline is the control group of a flag: only errors count, and a subject counts once for
  // each share.
  bool control_group = false;
};

// Marks a request's place in the comparison. It lives in the exchange of that request.
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
  using Quantiles = std::array<Nanoseconds, kQuantiles.size()>;

  Comparison(const ComparisonPolicy& policy, unsigned workers, TimePoint now);

  // --- worker side -------------------------------------------------------------------------
  struct Assigned {
    bool candidate = false;
    double weight = 0;  // chance to be assigned to the candidate rather than the baseline
    // Says whose request it is: the hash of a confirmed subject; 0 makes every request its own
    // client.
    std::uint64_t client = 0;
  };
  // Call it only for a request that was assigned at random and goes where the dice said.
  CohortTicket enter(unsigned worker, TimePoint arrival, const Assigned& assigned);
  // Call it exactly once after enter(), with the result of the request's first attempt.
  // `comparable` says that the latency is the version's, not that of a new connection.
  void leave(unsigned worker, const CohortTicket& ticket, const stats::AttemptResult& result,
             bool comparable);

  // --- control side, one at a time -----------------------------------------------------------
  // Sets the limits for requests assigned from now on, from the quantiles of the baseline's good
  // answers. A request of the baseline is slow above the quantile itself, or when it failed; one of
  // the candidate's is slow when its good answer took longer than T*, the quantile with the
  // tolerance. So what the test finds is more than the tolerance, and a baseline that fails is
  // never the quicker one.
  void freeze_latency(const Quantiles& baseline);
  bool has_latency_limits() const { return limits_.load(std::memory_order_relaxed) > 0; }

  bool has_control_group() const { return policy_.control_group; }
  // Judges what has become ripe. `few_clients` says that hardly anybody uses the service, so the
  // per-client rules are waived (for both versions alike). Returns true from the moment on that a
  // test has alarmed; the counts go on.
  bool judge(TimePoint now, bool few_clients);

  struct Story {
    std::string test;
    TimePoint first_bad{};
    std::uint64_t requests = 0;  // the candidate's requests, from the first bad one to the decision
    std::uint64_t failed = 0;
    double evidence = 0;
  };
  const std::optional<Story>& failure() const { return failure_; }
  void add_reports(std::vector<TestReport>& reports) const;
  // Returns the start mass of the error test that nothing has used, for a test that takes over from
  // it.
  double unspent() const { return errors_.front().test.unspent(); }
  double alpha_errors() const { return policy_.alpha_errors; }

 private:
  struct Watch {
    Watch(double tolerance, std::uint32_t min_clients, Nanoseconds window);
    RelativeEvidence test;
    FailingClients candidate_clients;
    FailingClients baseline_clients;  // of a control group: the subjects of both sides
    std::uint64_t candidate_raw = 0;
    double share = 0;  // the flag's highest share so far
  };
  // Tests that share an alpha are averaged, because the mean of e-processes is an e-process.
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
  unsigned slow_tests(const CohortTicket& ticket, const stats::AttemptResult& result,
                      bool comparable) const;
  std::int64_t close_ticks(std::int64_t now);
  void collect(std::int64_t now);
  void feed(const BadRequest& request, bool few_clients);
  void feed_latency(const BadRequest& request, bool few_clients);
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
  // Numbers the frozen limits, 0 = none yet; it is read before and after, so that nobody uses half
  // of two sets of limits.
  std::atomic<std::uint32_t> limits_{0};
  using Limits = std::array<std::atomic<std::int64_t>, kQuantiles.size()>;
  Limits baseline_limit_ns_{};   // the quantiles
  Limits candidate_limit_ns_{};  // T*

  // Only the control thread uses the members below.
  std::vector<BadRequest> pending_;
  std::int64_t skip_until_ = -1;  // requests of these ticks were lost: all of them are left out
  Arrivals arrivals_;             // judged so far
  Arrivals arrivals_before_limits_;
  Group errors_;
  Group latency_;  // by kQuantiles; empty if only errors are compared
  Onset errors_onset_;
  Onset latency_onset_;
  GrowthLimit latency_growth_;  // of the group's mean
  std::optional<Story> failure_;
};

}  // namespace cutwater::guard
