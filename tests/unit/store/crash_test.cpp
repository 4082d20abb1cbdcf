// Tests a process that is killed at any moment, or short of disk: what was acknowledged is there,
// and nothing else ever is (tests/HARDENING.md C01-C03).
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "control/store/schema.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace cutwater::control {
namespace {

class CrashTest : public StoreTest {
 protected:
  // Starts a child that writes generation first, first+1, ... and says each on the pipe once
  // written.
  pid_t start_writer(std::uint64_t first, int say) {
    const pid_t child = fork();
    if (child != 0) return child;
    auto store = Store::open(dir_);
    if (store.has_error()) _exit(3);
    for (std::uint64_t generation = first;; ++generation) {
      if ((*store)->commit(weights_change(generation)).has_error()) _exit(4);
      if (write(say, &generation, sizeof generation) != sizeof generation) _exit(5);
    }
  }
};

TEST_F(CrashTest, Kill9AtAnyMomentKeepsEveryAcknowledgedWrite) {
  std::mt19937 random(20261123);
  std::uint64_t stored = 0;
  for (int round = 0; round < 60; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t child = start_writer(stored + 1, pipe_fds[1]);
    close(pipe_fds[1]);
    // Let some writes through, then a random part of the next one.
    std::uint64_t acknowledged = stored;
    for (unsigned i = random() % 4; i > 0; --i)
      ASSERT_EQ(read(pipe_fds[0], &acknowledged, sizeof acknowledged),
                static_cast<ssize_t>(sizeof acknowledged));
    usleep(random() % 5000);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself: " << WEXITSTATUS(status);
    while (read(pipe_fds[0], &acknowledged, sizeof acknowledged) > 0) {
    }
    close(pipe_fds[0]);

    const auto store = open();
    ASSERT_NE(store, nullptr) << "round " << round;
    const auto& services = store->loaded().services;
    stored = services.empty() ? 0 : services[0].generation;
    ASSERT_TRUE(stored == acknowledged || stored == acknowledged + 1)
        << "acknowledged " << acknowledged << ", found " << stored;
    if (stored == 0) continue;
    EXPECT_EQ(services[0], shop(stored));
    // State and history are one transaction, so there are as many decisions as generations.
    EXPECT_EQ(store->decisions("", std::nullopt, 1)->back().seq, stored);
  }
  EXPECT_GT(stored, 60u);
}

TEST_F(CrashTest, AFullDiskIsSaidAndTheNextWriteMaySucceed) {
  {
    const auto store = open();
    ASSERT_TRUE(store->commit(weights_change(1)).has_value());
  }
  const pid_t child = fork();
  if (child == 0) {
    // Writing past the limit fails like a full disk once the signal is ignored.
    signal(SIGXFSZ, SIG_IGN);
    auto opened = Store::open(dir_);
    if (opened.has_error()) _exit(10);
    Store& store = **opened;
    if (store.commit(weights_change(2)).has_error()) _exit(11);
    const rlimit small{8192, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &small);
    std::uint64_t generation = 3;
    StoreResult<std::vector<std::uint64_t>> written = store.commit(weights_change(generation));
    if (written.has_value()) _exit(12);
    if (written.error().message.empty()) _exit(13);
    const rlimit enough{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &enough);
    if (store.commit(weights_change(4)).has_error()) _exit(14);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(open()->loaded().services[0], shop(4));
}

TEST_F(CrashTest, NoSpaceLeftIsToldApartFromOtherFailures) {
  auto store = open();
  ASSERT_TRUE(store->commit(weights_change(1)).has_value());
  store->limit_pages_for_test(8);
  Change huge = weights_change(2);
  huge.decisions[0].reason.assign(256 * 1024, 'x');
  const auto refused = store->commit(huge);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().kind, StoreError::Kind::Full) << refused.error().message;
  store->limit_pages_for_test(1 << 30);
  EXPECT_TRUE(store->commit(weights_change(3)).has_value());
  store.reset();
  EXPECT_EQ(open()->loaded().services[0], shop(3)) << "the refused write left something behind";
}

}  // namespace
}  // namespace cutwater::control
