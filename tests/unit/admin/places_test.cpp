// Who gives a place up, and who never does.
#include "control/admin/places.hpp"

#include <gtest/gtest.h>

namespace cutwater::control::admin {
namespace {

class PlacesTest : public testing::Test {
 protected:
  Places::Handle enter(const std::string& name, const std::string& peer = "10.0.0.1",
                       Door door = Door::Api) {
    return places.enter({door, peer, [this, name] { closed += name; }});
  }
  Places places{2, 2};
  std::string closed;
};

TEST_F(PlacesTest, TheStrangerGoesOnWhichNothingHappenedForLongest) {
  const auto first = enter("a");
  enter("b");
  places.touch(first);
  enter("c");
  EXPECT_EQ(closed, "b");
  enter("d");
  EXPECT_EQ(closed, "ba") << "what was closed is not counted again";
}

TEST_F(PlacesTest, TheAddressWithMostStrangersGivesUpFirst) {
  enter("a", "10.0.0.1");
  enter("b", "10.0.0.2");
  enter("c", "10.0.0.2");
  EXPECT_EQ(closed, "a") << "one each: the oldest";
  enter("d", "10.0.0.1");
  EXPECT_EQ(closed, "ab") << "two of one address";
}

TEST_F(PlacesTest, EachDoorHasPlacesOfItsOwn) {
  enter("a", "10.0.0.1", Door::Probes);
  for (const char* name : {"b", "c", "d"}) enter(name);
  EXPECT_EQ(closed, "b");
}

TEST_F(PlacesTest, KnownCallersAreOutOfTheStrangersWay) {
  const auto known = enter("a");
  EXPECT_TRUE(places.admit(known, "bot", {}));
  for (const char* name : {"b", "c", "d"}) enter(name);
  EXPECT_EQ(closed, "b");
}

TEST_F(PlacesTest, TheTokenWithMostPlacesGivesOneUpUnlessBusy) {
  const auto one = enter("a");
  const auto two = enter("b");
  places.admit(one, "viewer", {});
  places.admit(two, "viewer", {});
  one->busy = true;
  const auto bot = enter("c");
  EXPECT_TRUE(places.admit(bot, "bot", {}));
  EXPECT_EQ(closed, "b");
  bot->busy = true;
  EXPECT_FALSE(places.admit(enter("d"), "bot", {})) << "everybody is busy";
  EXPECT_TRUE(places.admit(bot, "bot", {})) << "who has a place keeps it";
  EXPECT_EQ(closed, "b");
}

}  // namespace
}  // namespace cutwater::control::admin
