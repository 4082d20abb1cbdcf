// Tests what viewers see of a URL that may carry a key.
#include "config/shown_url.hpp"

#include "config/show.hpp"

#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::HasSubstr;
using testing::Not;

TEST(ShownUrl, HasTheNamesOfParametersButNotTheirValues) {
  EXPECT_EQ(shown_url("https://ci.test/hook?token=s3cret&job=7"),
            "https://ci.test/hook?token=***&job=***");
  EXPECT_EQ(shown_url("https://ci.test?a=b=c;d=e#f=g"), "https://ci.test?a=***;d=***#f=***");
  EXPECT_EQ(shown_url("https://ci.test/x?flag"), "https://ci.test/x?flag");
}

TEST(ShownUrl, HidesSegmentsThatLookLikeKeys) {
  EXPECT_EQ(shown_url("https://discord.test/api/webhooks/1098765432101234567/aB3_dE5-gH7iJ9kL1mN3"),
            "https://discord.test/api/webhooks/1098765432101234567/***");
  EXPECT_EQ(shown_url("http://10.0.0.1:8080/v1/deploy/shop-with-a-rather-long-name"),
            "http://10.0.0.1:8080/v1/deploy/shop-with-a-rather-long-name");
  EXPECT_EQ(shown_url("https://hooks.test/?aB3_dE5-gH7iJ9kL1mN3"), "https://hooks.test/?***");
}

TEST(ShownUrl, LeavesTheRestAsItIs) {
  for (const char* url : {"", "https://a.test", "https://a.test/", "https://[::1]:80//a/?",
                          "http://{endpoint}/metrics", "no url at all", "https://a.test/***?b=***"})
    EXPECT_EQ(shown_url(url), url);
}

TEST(ShownUrl, IsWhatTheConfigurationShows) {
  const std::string shown = show_json(read(
      in_service("rollout: {hooks: [{at: before, url: \"https://ci.test/gate?token=s3cret\"}]}\n"
                 "    memory: {limit: 1GiB, url: \"http://{endpoint}/metrics?key=s3cret\"}")));
  EXPECT_THAT(shown, HasSubstr("https://ci.test/gate?token=***"));
  EXPECT_THAT(shown, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace cutwater::config
