// Proxies that are given one secret for their sticky cookies: each knows what another has dealt.
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class SharedSecret : public ControlPlaneTest {
 protected:
  std::shared_ptr<const routing::ServiceSnapshot> new_proxy(const std::string& secret) {
    stop();
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directory(dir_);
    config::Config config = shop_config();
    config.services[0].sticky.secret = {secret, secret.empty() ? "" : "${env:S}"};
    start(config);
    return workers_.current->services.at(0);
  }
};

TEST_F(SharedSecret, ProxiesThatTakeEachOthersCookiesSendAUserToTheSameVersion) {
  const auto one = new_proxy("of both");
  const auto other = new_proxy("of both");
  const routing::CookieValue cookie = one->cookie_key.value(routing::CookieId{1, 2, 3});
  EXPECT_TRUE(other->cookie_key.verify({cookie.data(), cookie.size()}));
  EXPECT_EQ(one->salt, other->salt);
}

TEST_F(SharedSecret, WithoutItEachProxyDealsByItself) {
  EXPECT_NE(new_proxy("")->salt, new_proxy("")->salt);
  EXPECT_NE(new_proxy("of one")->salt, new_proxy("of another")->salt);
}

}  // namespace
}  // namespace cutwater::control
