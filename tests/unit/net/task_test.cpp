// Tests the coroutine type on which everything in the data plane runs.
#include "proxy/base/task.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cutwater {
namespace {

// Lets a coroutine wait: open() resumes the waiting one.
struct Gate {
  std::coroutine_handle<> waiter;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { waiter = handle; }
  void await_resume() const noexcept {}
  void open() { std::exchange(waiter, nullptr).resume(); }
};

struct Stack {
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
  void mark() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest = std::min(lowest, here);
    highest = std::max(highest, here);
  }
  std::size_t span() const { return highest - lowest; }
};

Task<int> ready_child(Stack* stack, int value) {
  stack->mark();
  co_return value;
}

Task<void> long_loop(Stack* stack, int rounds, std::int64_t* sum) {
  for (int i = 0; i < rounds; ++i) {
    const int value = co_await ready_child(stack, i);
    *sum += value;
  }
}

TEST(TaskTest, AMillionReadyChildrenDoNotGrowTheStack) {
  Stack stack;
  std::int64_t sum = 0;
  spawn(long_loop(&stack, 1'000'000, &sum));
  EXPECT_EQ(sum, 499'999'500'000);
  EXPECT_LT(stack.span(), 4096u);
}

Task<int> waiting_child(Gate* gate, int value) {
  co_await *gate;
  co_return value;
}

Task<void> sum_of_waits(Gate* gate, int rounds, int* sum, bool* done) {
  for (int i = 0; i < rounds; ++i) {
    const int value = co_await waiting_child(gate, i);
    *sum += value;
  }
  *done = true;
}

TEST(TaskTest, AParentResumesWhenItsChildDoes) {
  Gate gate;
  int sum = 0;
  bool done = false;
  spawn(sum_of_waits(&gate, 3, &sum, &done));
  EXPECT_FALSE(done);
  gate.open();
  EXPECT_EQ(sum, 0);
  gate.open();
  EXPECT_EQ(sum, 1);
  gate.open();
  EXPECT_EQ(sum, 3);
  EXPECT_TRUE(done);
}

Task<std::unique_ptr<std::string>> make_text() {
  co_return std::make_unique<std::string>("moved");
}
Task<void> take_text(std::string* out) {
  const auto text = co_await make_text();
  *out = *text;
}

TEST(TaskTest, PassesValuesThatOnlyMove) {
  std::string text;
  spawn(take_text(&text));
  EXPECT_EQ(text, "moved");
}

Task<void> hold(std::shared_ptr<int> what, Gate* gate) {
  const auto local = what;
  co_await *gate;
}
Task<void> hold_through_child(std::shared_ptr<int> what, Gate* gate) {
  const auto local = what;
  co_await hold(what, gate);
}

TEST(TaskTest, StartsOnlyWhenAwaitedAndDiesWithoutHavingRun) {
  const auto witness = std::make_shared<int>(1);
  Gate gate;
  {
    const Task<void> task = hold(witness, &gate);
    EXPECT_FALSE(gate.waiter) << "it has started";
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(TaskTest, FreesEverythingAtItsEnd) {
  const auto witness = std::make_shared<int>(1);
  Gate gate;
  spawn(hold_through_child(witness, &gate));
  EXPECT_GT(witness.use_count(), 1);
  gate.open();
  EXPECT_EQ(witness.use_count(), 1);
}

// A coroutine that owns a suspended task and is destroyed destroys that task, too.
struct Owner {
  explicit Owner(Task<void> given) : task(std::move(given)) { task.await_suspend({}); }
  Task<void> task;
};

TEST(TaskTest, DestroyingASuspendedTaskDestroysItsChildren) {
  const auto witness = std::make_shared<int>(1);
  Gate gate;
  { const Owner owner(hold_through_child(witness, &gate)); }
  EXPECT_EQ(witness.use_count(), 1);
}

Task<int> nest(Gate* gate, int depth) {
  if (depth == 0) {
    co_await *gate;
    co_return 0;
  }
  const int below = co_await nest(gate, depth - 1);
  co_return below + 1;
}
Task<void> count_nesting(Gate* gate, int depth, int* result) {
  *result = co_await nest(gate, depth);
}

TEST(TaskTest, AValueTravelsUpALongChain) {
  Gate gate;
  int depth = 0;
  spawn(count_nesting(&gate, 1000, &depth));
  EXPECT_EQ(depth, 0);
  gate.open();
  EXPECT_EQ(depth, 1000);
}

// --- Child ------------------------------------------------------------------------------------

Task<void> note(std::vector<std::string>* story, Gate* gate) {
  story->push_back("child begins");
  if (gate) co_await *gate;
  story->push_back("child ends");
}
Task<void> parent(std::vector<std::string>* story, Gate* gate) {
  Child child;
  child.start(note(story, gate));
  story->push_back(child.running() ? "beside it" : "after it");
  co_await child.join();
  story->push_back("joined");
}

TEST(ChildTest, RunsBesideItsParentAndIsJoined) {
  Gate gate;
  std::vector<std::string> story;
  spawn(parent(&story, &gate));
  EXPECT_EQ(story, (std::vector<std::string>{"child begins", "beside it"}));
  gate.open();
  EXPECT_EQ(story, (std::vector<std::string>{"child begins", "beside it", "child ends", "joined"}));
}

TEST(ChildTest, JoiningAFinishedChildDoesNotWait) {
  std::vector<std::string> story;
  spawn(parent(&story, nullptr));
  EXPECT_EQ(story, (std::vector<std::string>{"child begins", "child ends", "after it", "joined"}));
}

}  // namespace
}  // namespace cutwater
