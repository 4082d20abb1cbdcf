// Tests three servers, deployed in place, one after the other.
#include "tests/unit/rollout/rollout_fixture.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Kind = event::Command::Kind;

struct Rolling : testing::Test {
  Bench bench;
  Rolling() { bench.becomes_rolling(); }

  std::set<std::string> off_duty(const std::string& version) {
    const auto found = bench.service.off_duty.find(version);
    return found == bench.service.off_duty.end() ? std::set<std::string>{} : found->second;
  }
  void quiet() { bench.tick(1s, Verdict::NoTraffic, 0); }
  // The server that is out is drained, deployed and found healthy.
  void replace() {
    bench.switches();
    for (const char* task : {"drain", "deploy", "health"}) {
      quiet();
      ASSERT_EQ(bench.waits_for(), task);
      bench.done();
    }
    quiet();
  }
  void proves_itself() {
    bench.switches();
    bench.tick(60s, Verdict::Pass, 100);
  }
  void undo_one() {
    if (bench.rollout.switching) bench.switches();
    for (int i = 0; i < 4 && !bench.rollout.switching; ++i) {
      quiet();
      if (bench.rollout.task) bench.done();
    }
  }
};

TEST_F(Rolling, TrafficGoesByTheServersInService) {
  bench.starts();
  EXPECT_EQ(bench.green(), 0);
  EXPECT_EQ(off_duty("blue"), std::set<std::string>{"http://a"});
  EXPECT_EQ(off_duty("green").size(), 3u);
  replace();
  EXPECT_EQ(bench.green(), 33) << "one of three";
  EXPECT_EQ(off_duty("green"), (std::set<std::string>{"http://b", "http://c"}));
  proves_itself();
  EXPECT_EQ(bench.green(), 50) << "one of the two that are left";
  EXPECT_EQ(bench.service.stable, "blue");
  replace();
  proves_itself();
  EXPECT_EQ(bench.green(), 100) << "the last old one is out";
  EXPECT_EQ(bench.service.stable, "green") << "nobody else can take what falls back";
  replace();
  EXPECT_EQ(bench.rollout.phase, Phase::Promoting);
  proves_itself();
  EXPECT_EQ(bench.rollout.phase, Phase::Succeeded);
  EXPECT_EQ(bench.service.last_good, "") << "nothing runs the old version any more";
  EXPECT_EQ(off_duty("blue").size(), 3u);
  EXPECT_TRUE(off_duty("green").empty());
}

TEST_F(Rolling, AServerBakesBeforeTheNextOneIsTouched) {
  bench.starts();
  replace();
  bench.switches();
  bench.tick(59s, Verdict::Pass, 100);
  EXPECT_FALSE(off_duty("blue").contains("http://b"));
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_TRUE(off_duty("blue").contains("http://b"));
}

TEST_F(Rolling, OnFailureTheServersGoBackInReverseOrder) {
  bench.starts();
  replace();
  proves_itself();
  replace();
  bench.switches();
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.green(), 0) << "all to the old one that is left, at once";
  EXPECT_TRUE(bench.service.locked_out.contains("green"));
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  bench.switches();
  quiet();
  EXPECT_EQ(bench.rollout.endpoints_out(), std::vector<std::string>{"http://b"});
  bench.switches();
  undo_one();
  EXPECT_FALSE(off_duty("blue").contains("http://b"));
  bench.switches();
  quiet();
  EXPECT_EQ(bench.rollout.endpoints_out(), std::vector<std::string>{"http://a"});
  undo_one();
  bench.switches();
  quiet();
  EXPECT_EQ(bench.rollout.phase, Phase::RolledBack);
  EXPECT_TRUE(off_duty("blue").empty());
}

TEST_F(Rolling, AfterTheLastServerARevertServesWithTheNewVersionUntilOneIsBack) {
  bench.starts();
  for (int i = 0; i < 2; ++i) {
    replace();
    proves_itself();
  }
  replace();
  bench.switches();
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.green(), 100) << "there is nobody else";
  EXPECT_FALSE(bench.service.locked_out.contains("green")) << "which would answer 503";
  bench.switches();
  quiet();  // c is taken out
  undo_one();
  EXPECT_EQ(bench.green(), 0);
  EXPECT_EQ(bench.service.stable, "blue");
  EXPECT_TRUE(bench.service.locked_out.contains("green"));
}

TEST_F(Rolling, AServerThatWasOnlyDrainedGoesBackAsItIs) {
  bench.starts();
  bench.switches();
  quiet();
  EXPECT_EQ(bench.waits_for(), "drain");
  bench.person(Kind::Abort);
  EXPECT_TRUE(off_duty("blue").empty());
  bench.switches();
  quiet();
  EXPECT_EQ(bench.rollout.phase, Phase::Aborted);
  EXPECT_FALSE(bench.service.locked_out.contains("green"));
}

TEST_F(Rolling, ADeploymentThatFailsIsUndone) {
  bench.starts();
  bench.switches();
  quiet();
  bench.done();
  quiet();
  bench.done(false, "exit code 1");
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.decisions.back().cause, "deploy");
  bench.switches();
  quiet();
  EXPECT_EQ(bench.waits_for(), "deploy") << "it may run either version";
  EXPECT_TRUE(bench.rollout.task->undo);
}

TEST_F(Rolling, TheDeployScriptSaysWhenTheServerIsReady) {
  bench.starts();
  EXPECT_EQ(bench.person(Kind::Ready).refusal->type, "nothing_to_be_ready");
  bench.switches();
  quiet();
  bench.done();
  quiet();
  EXPECT_EQ(bench.waits_for(), "deploy");
  EXPECT_FALSE(bench.person(Kind::Ready).refusal);
  quiet();
  EXPECT_EQ(bench.waits_for(), "health");
}

TEST_F(Rolling, AnUndoThatFailsLeavesTheServerOutAndGoesOn) {
  bench.starts();
  replace();
  bench.switches();
  bench.person(Kind::Rollback);
  bench.switches();
  quiet();
  bench.switches();
  quiet();
  bench.done();  // drained
  quiet();
  bench.done(false, "no disk");
  EXPECT_EQ(bench.last_action(), "undo_failed");
  quiet();
  EXPECT_EQ(bench.rollout.phase, Phase::RolledBack);
  EXPECT_EQ(off_duty("blue"), std::set<std::string>{"http://a"});
}

TEST_F(Rolling, APersonCanStopTheUndo) {
  bench.starts();
  replace();
  bench.switches();
  bench.person(Kind::Rollback);
  bench.switches();
  quiet();
  EXPECT_EQ(bench.person(Kind::Pause).refusal->type, "rolling_back");
  EXPECT_FALSE(bench.person(Kind::Abort).refusal);
  EXPECT_EQ(bench.rollout.phase, Phase::Aborted);
}

TEST_F(Rolling, ARestartDoesTheTaskAtHandAgain) {
  bench.starts();
  bench.switches();
  quiet();
  bench.rollout = *engine_state_from_json(to_json(bench.rollout));
  bench.happens(event::Restarted{bench.now});
  EXPECT_EQ(bench.waits_for(), "drain");
  bench.done();
  quiet();
  EXPECT_EQ(bench.waits_for(), "deploy");
}

TEST_F(Rolling, APausedOneTakesNothingFurtherOut) {
  bench.starts();
  replace();
  bench.switches();
  bench.person(Kind::Pause);
  bench.tick(600s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.endpoints_out().size(), 0u);
  EXPECT_EQ(bench.green(), 33);
}

}  // namespace
}  // namespace cutwater::control
