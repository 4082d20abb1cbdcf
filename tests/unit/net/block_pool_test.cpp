#include "proxy/net/block_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace cutwater::net {
namespace {

TEST(BlockPoolTest, LendsTheWarmestBlockFirst) {
  BlockPool pool(1024, 4);
  char* warm;
  {
    Block first = pool.borrow();
    const Block second = pool.borrow();
    EXPECT_NE(first.data(), second.data());
    std::memset(first.data(), 'x', first.size());
    warm = first.data();
  }  // `second` goes back before `first`
  EXPECT_EQ(pool.borrow().data(), warm);
}

TEST(BlockPoolTest, AMovedBlockGoesBackOnce) {
  BlockPool pool(1024, 4);
  Block first = pool.borrow();
  char* data = first.data();
  Block second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_EQ(first.size(), 0u);
  EXPECT_EQ(second.data(), data);
  second.release();
  second.release();
  const Block third = pool.borrow();
  const Block fourth = pool.borrow();
  EXPECT_NE(third.data(), fourth.data()) << "one block was lent twice";
}

TEST(BlockPoolTest, AssignmentGivesTheOldBlockBack) {
  BlockPool pool(1024, 4);
  Block block = pool.borrow();
  char* old = block.data();
  block = pool.borrow();
  EXPECT_NE(block.data(), old);
  EXPECT_EQ(pool.borrow().data(), old);
}

// Blocks beyond `max_free` are freed: AddressSanitizer would see a leak or a double free.
TEST(BlockPoolTest, KeepsNoMoreThanItMay) {
  BlockPool pool(1024, 2);
  std::vector<Block> burst;
  for (int i = 0; i < 10; ++i) burst.push_back(pool.borrow());
  burst.clear();
  for (int i = 0; i < 10; ++i) burst.push_back(pool.borrow());
  for (Block& block : burst) std::memset(block.data(), 'y', block.size());
}

}  // namespace
}  // namespace cutwater::net
