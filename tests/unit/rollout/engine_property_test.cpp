// Tests that, whatever happens in whatever order, the promises of a rollout hold after every single
// event.
#include <algorithm>
#include <random>

#include "config/windows.hpp"

#include "tests/unit/rollout/rollout_fixture.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Kind = event::Command::Kind;

class RandomLife {
 public:
  explicit RandomLife(unsigned seed) : random_(seed) {}

  // Makes one random event on the active rollout, or a new rollout when there is none.
  void step() {
    if (is_terminal(bench_.rollout.phase)) return next_rollout();
    const Phase phase = bench_.rollout.phase;
    Transition transition;
    switch (pick(16)) {
      case 0:
        transition = bench_.happens(event::Start{});
        break;
      case 1:
        transition = bench_.person(Kind::Pause);
        break;
      case 2:
        transition = bench_.person(Kind::Resume);
        break;
      case 3:
        transition = bench_.person(Kind::Promote);
        break;
      case 4:
        transition = pick(4) ? Transition{} : bench_.person(Kind::PromoteFull);
        break;
      case 5:
        transition = pick(4) ? Transition{} : bench_.person(Kind::Abort);
        break;
      case 6:
        transition = pick(4) ? Transition{} : bench_.person(Kind::Rollback);
        break;
      case 7:
        transition = bench_.happens(event::Restarted{bench_.now});
        break;
      case 8:
        if (pick(4) == 0)
          transition = bench_.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
        break;
      case 9:
      case 10:
        transition = bench_.switches();
        break;
      case 11:
        transition = bench_.person(pick(2) ? Kind::Ready : Kind::Approve);
        break;
      case 12:
        transition =
            bench_.approver(pick(8) ? Kind::Approve : Kind::Reject, pick(2) ? "ana" : "carl");
        break;
      case 13:
        if (bench_.rollout.task) transition = bench_.done(pick(12) != 0);
        break;
      default:
        transition = tick();
        break;
    }
    check(phase, transition);
    if (pick(50) == 0) check_revert_is_possible();
  }

  std::uint64_t finished() const { return finished_; }

 private:
  unsigned pick(unsigned below) { return random_() % below; }

  Transition tick() {
    bench_.can_carry = pick(8) ? Share::percent(100) : Share::percent(static_cast<int>(pick(60)));
    bench_.requests_per_second = pick(3) * 1000;
    bench_.latency_s = 0.1;
    static constexpr Verdict kVerdicts[] = {Verdict::NoTraffic, Verdict::Inconclusive,
                                            Verdict::Pass, Verdict::Pass};
    const Verdict verdict = pick(40) == 0 ? Verdict::Fail : kVerdicts[pick(4)];
    return bench_.tick(std::chrono::seconds(pick(400)), verdict, pick(3) * 50);
  }

  void next_rollout() {
    ++finished_;
    EngineState next = random_plan();
    next.from = bench_.service.stable;
    next.to = next.from == "blue" ? "green" : "blue";
    bench_.service.locked_out.erase(next.to);  // "retry": true
    next.before = bench_.service.weights;
    bench_.rollout = next;
    bench_.starts();
    check(Phase::Pending, {});
  }

  EngineState random_plan() {
    Bench fresh(static_cast<Plan::OnInconclusive>(pick(4)));
    Plan& plan = fresh.rollout.plan;
    switch (pick(3)) {
      case 0:
        if (pick(2)) plan.stages.back().weight = Share::percent(98);
        if (pick(2)) plan.adaptive.emplace();
        break;
      case 1:
        plan.strategy = "blue_green";
        plan.stages.erase(plan.stages.begin() + 1);
        plan.stages[0].weight = Share{};
        plan.gates.smoke = pick(2) != 0;
        break;
      default:
        fresh.becomes_rolling(1 + pick(2));
        break;
    }
    for (Stage& stage : plan.stages) stage.approval = pick(4) == 0;
    plan.four_eyes = pick(2) != 0;
    plan.gates.before = pick(3) == 0;
    plan.gates.step = pick(3) == 0;
    plan.gates.rollback = pick(2) != 0;
    if (pick(4) == 0) plan.windows = {*config::parse_window("Mon-Sat 00:00-24:00")};
    fresh.rollout.started_ms = bench_.surroundings().wall_ms;
    return fresh.rollout;
  }

  void check(Phase before, const Transition& transition) {
    std::int64_t sum = 0;
    for (const auto& [version, share] : bench_.service.weights) {
      ASSERT_GE(share.millionths, 0);
      sum += share.millionths;
      if (bench_.service.locked_out.contains(version)) {
        ASSERT_EQ(share.millionths, 0) << version << " is locked out";
      }
    }
    ASSERT_EQ(sum, Share::kWhole);
    if (is_terminal(before)) {
      ASSERT_EQ(bench_.rollout.phase, before);
    }
    if (transition.refusal) {
      ASSERT_TRUE(transition.effects.empty());
    }
    ASSERT_FALSE(bench_.service.locked_out.contains(bench_.service.stable));
    ASSERT_LT(bench_.rollout.step, bench_.rollout.plan.stages.size());
    for (const auto& [version, share] : bench_.service.weights) {
      const bool known = version == bench_.rollout.from || version == bench_.rollout.to;
      ASSERT_TRUE(known || share.millionths == 0) << version;
      ASSERT_TRUE(share.millionths == 0 || has_endpoint(version)) << version << " has nobody";
    }
    if (is_terminal(bench_.rollout.phase)) {
      ASSERT_FALSE(bench_.rollout.task.has_value());
    }
    if (pick(20) == 0) {
      ASSERT_TRUE(engine_state_from_json(to_json(bench_.rollout)).has_value());
    }
  }

  // Says that a version with traffic has an endpoint to answer it, unless every undo has failed.
  bool has_endpoint(const std::string& version) const {
    const auto& places = bench_.rollout.places;
    if (places.empty()) return true;
    const auto in_service = [](Place place) { return place == Place::Old || place == Place::New; };
    if (std::none_of(places.begin(), places.end(), in_service)) return true;
    const Place its = version == bench_.rollout.from ? Place::Old : Place::New;
    return std::count(places.begin(), places.end(), its) > 0;
  }

  // From here, in any phase, the guard and a person can both take the version out.
  void check_revert_is_possible() {
    if (is_terminal(bench_.rollout.phase) || bench_.rollout.phase == Phase::RollingBack ||
        bench_.rollout.phase == Phase::Pending)
      return;
    for (const bool by_guard : {true, false}) {
      Bench copy = bench_;
      if (by_guard)
        copy.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
      else
        copy.person(Kind::Rollback);
      // A rolling rollout may have to bring a server back first.
      for (int i = 0; i < 100 && !is_terminal(copy.rollout.phase); ++i) {
        copy.switches();
        copy.tick(1s, Verdict::NoTraffic, 0);
        if (copy.rollout.task) copy.done();
      }
      ASSERT_EQ(copy.rollout.phase, Phase::RolledBack);
      ASSERT_EQ(copy.service.weights.at(copy.rollout.to).millionths, 0);
      ASSERT_EQ(copy.service.weights.at(copy.rollout.from).millionths, Share::kWhole);
    }
  }

  std::mt19937 random_;
  Bench bench_;
  std::uint64_t finished_ = 0;
};

TEST(RolloutProperty, AMillionRandomEventsBreakNoPromise) {
  std::uint64_t finished = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    RandomLife life(seed);
    for (int i = 0; i < 10'000; ++i) {
      life.step();
      if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", event " << i;
    }
    finished += life.finished();
  }
  EXPECT_GT(finished, 20'000u) << "the sequences hardly ever finished a rollout";
}

}  // namespace
}  // namespace cutwater::control
