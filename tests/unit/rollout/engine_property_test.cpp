// Whatever happens in whatever order: the promises of a rollout hold after every single event.
#include <random>

#include "tests/unit/rollout/rollout_fixture.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Kind = event::Command::Kind;

class RandomLife {
 public:
  explicit RandomLife(unsigned seed) : random_(seed) {}

  // One random event on the active rollout, or a new rollout when there is none.
  void step() {
    if (is_terminal(bench_.rollout.phase)) return next_rollout();
    const Phase phase = bench_.rollout.phase;
    Transition transition;
    switch (pick(12)) {
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
        transition = bench_.switches();
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
    static constexpr Verdict kVerdicts[] = {Verdict::NoTraffic, Verdict::Inconclusive,
                                            Verdict::Pass, Verdict::Pass};
    const Verdict verdict = pick(40) == 0 ? Verdict::Fail : kVerdicts[pick(4)];
    return bench_.tick(std::chrono::seconds(pick(400)), verdict, pick(3) * 50);
  }

  void next_rollout() {
    ++finished_;
    EngineState next = Bench(static_cast<Plan::OnInconclusive>(pick(4))).rollout;
    next.from = bench_.service.stable;
    next.to = next.from == "blue" ? "green" : "blue";
    bench_.service.locked_out.erase(next.to);  // "retry": true
    next.before = bench_.service.weights;
    bench_.rollout = next;
    bench_.starts();
    check(Phase::Pending, {});
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
    ASSERT_LT(bench_.rollout.step, bench_.rollout.plan.steps.size());
    if (pick(20) == 0) {
      ASSERT_TRUE(engine_state_from_json(to_json(bench_.rollout)).has_value());
    }
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
      ASSERT_EQ(copy.service.weights.at(copy.rollout.to).millionths, 0);
      ASSERT_EQ(copy.service.weights.at(copy.rollout.from).millionths, Share::kWhole);
      copy.switches();
      ASSERT_EQ(copy.rollout.phase, Phase::RolledBack);
    }
  }

  std::mt19937 random_;
  Bench bench_;
  std::uint64_t finished_ = 0;
};

TEST(RolloutProperty, A_hundred_thousand_random_events_break_no_promise) {
  std::uint64_t finished = 0;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    RandomLife life(seed);
    for (int i = 0; i < 10'000; ++i) {
      life.step();
      if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", event " << i;
    }
    finished += life.finished();
  }
  EXPECT_GT(finished, 3'000u) << "the sequences hardly ever finished a rollout";
}

}  // namespace
}  // namespace cutwater::control
