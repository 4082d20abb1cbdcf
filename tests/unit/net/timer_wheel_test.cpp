#include "proxy/net/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace cutwater::net {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kTick{1 << TimerWheel::kTickShift};
constexpr Nanoseconds kTurn = kTick * TimerWheel::kSlots;

class TimerWheelTest : public ::testing::Test {
 protected:
  struct Alarm {
    Alarm() : timer(this, [](void* self) { ++static_cast<Alarm*>(self)->rang; }) {}
    int rang = 0;
    Timer timer;
  };
  void pass(Nanoseconds time) {
    now += time;
    wheel.expire(now);
  }

  TimePoint now = TimePoint(Seconds(1000));
  TimerWheel wheel{now};
};

TEST_F(TimerWheelTest, FiresNeverEarlyAndAtMostATickLate) {
  for (const Nanoseconds delay :
       {Nanoseconds(0), Nanoseconds(1), Nanoseconds(5ms), kTick, Nanoseconds(100ms), kTurn - kTick,
        kTurn, kTurn + kTick, 3 * kTurn + Nanoseconds(7ms)}) {
    Alarm alarm;
    const TimePoint due = now + delay;
    wheel.arm(alarm.timer, due);
    while (now + kTick / 4 < due) {
      pass(kTick / 4);
      ASSERT_EQ(alarm.rang, 0) << "early, for a delay of " << delay.count();
    }
    pass(due - now + kTick + Nanoseconds(1));
    ASSERT_EQ(alarm.rang, 1) << "late, for a delay of " << delay.count();
    ASSERT_FALSE(alarm.timer.armed());
  }
}

TEST_F(TimerWheelTest, ADisarmedTimerStaysSilent) {
  Alarm alarm;
  wheel.arm(alarm.timer, now + 10ms);
  alarm.timer.disarm();
  pass(1s);
  EXPECT_EQ(alarm.rang, 0);
}

TEST_F(TimerWheelTest, ADestroyedTimerStaysSilent) {
  auto alarm = std::make_unique<Alarm>();
  wheel.arm(alarm->timer, now + 10ms);
  alarm.reset();
  pass(1s);
}

TEST_F(TimerWheelTest, ArmingAgainMovesTheDeadline) {
  Alarm alarm;
  wheel.arm(alarm.timer, now + 10ms);
  wheel.arm(alarm.timer, now + 500ms);
  pass(400ms);
  EXPECT_EQ(alarm.rang, 0);
  pass(200ms);
  EXPECT_EQ(alarm.rang, 1);
}

TEST_F(TimerWheelTest, ADeadlineMayBePutOffAndBroughtForward) {
  Alarm alarm;
  wheel.arm(alarm.timer, now + 100ms);
  wheel.arm(alarm.timer, now + 10s);
  pass(200ms);
  EXPECT_EQ(alarm.rang, 0) << "put off before its first deadline";
  EXPECT_TRUE(alarm.timer.armed());
  wheel.arm(alarm.timer, now + 50ms);
  pass(100ms);
  EXPECT_EQ(alarm.rang, 1) << "and then brought forward";
}

TEST_F(TimerWheelTest, ADisarmedTimerMayBeArmedAgainBeforeItsOldDeadline) {
  Alarm alarm;
  wheel.arm(alarm.timer, now + 100ms);
  alarm.timer.disarm();
  EXPECT_FALSE(alarm.timer.armed());
  wheel.arm(alarm.timer, now + 50ms);
  pass(70ms);
  EXPECT_EQ(alarm.rang, 1);
  pass(1s);
  EXPECT_EQ(alarm.rang, 1) << "the old deadline is forgotten";
}

TEST_F(TimerWheelTest, ADeadlinePutOffForLongerThanATurnIsKept) {
  Alarm alarm;
  wheel.arm(alarm.timer, now + 10ms);
  const TimePoint due = now + 3 * kTurn;
  wheel.arm(alarm.timer, due);
  while (now + kTurn / 2 < due) pass(kTurn / 2);
  EXPECT_EQ(alarm.rang, 0);
  pass(due - now + 2 * kTick);
  EXPECT_EQ(alarm.rang, 1);
}

TEST_F(TimerWheelTest, ATimerMayOutliveTheWheel) {
  Alarm armed;
  Alarm disarmed;
  auto shorter = std::make_unique<TimerWheel>(now);
  shorter->arm(armed.timer, now + 10ms);
  shorter->arm(disarmed.timer, now + 10ms);
  disarmed.timer.disarm();
  shorter.reset();
  EXPECT_EQ(armed.rang + disarmed.rang, 0);
}

TEST_F(TimerWheelTest, APastDeadlineFiresNext) {
  Alarm alarm;
  wheel.arm(alarm.timer, now - 10s);
  EXPECT_EQ(alarm.rang, 0) << "not inside arm()";
  pass(kTick);
  EXPECT_EQ(alarm.rang, 1);
}

TEST_F(TimerWheelTest, ALongPauseFiresEverythingOnce) {
  std::deque<Alarm> alarms(1000);
  for (std::size_t i = 0; i < alarms.size(); ++i)
    wheel.arm(alarms[i].timer, now + i * 100ms);  // three turns of the wheel
  pass(1h);
  for (const Alarm& alarm : alarms) EXPECT_EQ(alarm.rang, 1);
}

TEST_F(TimerWheelTest, CallbacksMayDisarmAndRearmTheirNeighbours) {
  struct Pair {
    Timer first{this, [](void* self) { static_cast<Pair*>(self)->on_first(); }};
    Timer second{this, [](void* self) { ++static_cast<Pair*>(self)->second_rang; }};
    TimerWheel* wheel;
    TimePoint later;
    int first_rang = 0;
    int second_rang = 0;
    void on_first() {
      ++first_rang;
      second.disarm();
      if (first_rang == 1) wheel->arm(first, later);
    }
  } pair;
  pair.wheel = &wheel;
  pair.later = now + 1s;
  wheel.arm(pair.first, now + 10ms);
  wheel.arm(pair.second, now + 10ms);  // same slot, behind it
  pass(500ms);
  EXPECT_EQ(pair.first_rang, 1);
  EXPECT_EQ(pair.second_rang, 0);
  pass(1s);
  EXPECT_EQ(pair.first_rang, 2);
}

TEST_F(TimerWheelTest, SleepsExactlyToTheNextTimer) {
  Alarm near;
  Alarm far;
  EXPECT_GE(wheel.until_next(now), kTurn - kTick);
  wheel.arm(far.timer, now + 10s);
  wheel.arm(near.timer, now + 100ms);
  EXPECT_GE(wheel.until_next(now), 100ms);
  EXPECT_LE(wheel.until_next(now), 100ms + kTick + 1ms);
  pass(200ms);
  EXPECT_EQ(near.rang, 1);
  EXPECT_GE(wheel.until_next(now), 9'800ms);
  EXPECT_LE(wheel.until_next(now), 9'800ms + kTick + 1ms);
}

// Compares the wheel with the obvious implementation: a list of deadlines.
TEST_F(TimerWheelTest, AgreesWithAPlainListOverRandomUse) {
  std::mt19937 random(7);
  std::deque<Alarm> alarms(50);
  std::vector<TimePoint> due(alarms.size(), TimePoint::max());
  std::vector<int> expected_by_now(alarms.size(), 0);
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % alarms.size();
    if (random() % 3 == 0) {
      alarms[i].timer.disarm();
      due[i] = TimePoint::max();
    } else {
      due[i] = now + Milliseconds(random() % 90'000);
      wheel.arm(alarms[i].timer, due[i]);
    }
    pass(Milliseconds(random() % 400));
    for (std::size_t k = 0; k < alarms.size(); ++k) {
      if (alarms[k].rang > expected_by_now[k]) {
        ASSERT_LE(due[k], now) << "early";
        due[k] = TimePoint::max();
        expected_by_now[k] = alarms[k].rang;
      }
      ASSERT_TRUE(due[k] == TimePoint::max() || due[k] + kTick + Nanoseconds(1) > now) << "late";
    }
  }
}

}  // namespace
}  // namespace cutwater::net
