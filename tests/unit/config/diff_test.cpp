#include "config/diff.hpp"

#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

TEST(RestartNeeded, NotForWhatAReloadCanChange) {
  const Config running = read(kGood);
  EXPECT_THAT(restart_needed(running, running), IsEmpty());
  const Config next =
      read(in_service("guards: {p95: 1s}\n    weights: {blue: 50%, green: 50%}\ndrain_timeout: 1s\n"
                      "routes: [{match: {path: /x}, service: shop}]\nadmin: {allowed_hosts: [a]}"));
  EXPECT_THAT(restart_needed(running, next), IsEmpty());
}

TEST(RestartNeeded, NamesEachSettingThatIsFixedAtStart) {
  const Config running = read(kGood);
  const auto needed = [&](const std::string& line) {
    return restart_needed(running, read(with(line)));
  };
  EXPECT_THAT(needed("workers: 2"), ElementsAre("workers"));
  EXPECT_THAT(needed("state_dir: /tmp"), ElementsAre("state_dir"));
  EXPECT_THAT(needed("admin: {listen: \"127.0.0.1:1\"}"), ElementsAre("admin.listen"));
  EXPECT_THAT(needed("admin: {listen: \"unix:/a\"}"), ElementsAre("admin.listen"));
  EXPECT_THAT(needed("admin: {probes: \"127.0.0.1:1\"}"), ElementsAre("admin.probes"));
  EXPECT_THAT(needed("admin: {tls: {certificates: [{cert: /a}]}}"), ElementsAre("admin.tls"));
  EXPECT_THAT(needed("access_log: stdout"), ElementsAre("access_log"));
  EXPECT_THAT(needed("limits: {header_fields: 50}"), ElementsAre("limits"));
  EXPECT_THAT(needed("workers: 2\naccess_log: stdout"), ElementsAre("workers", "access_log"));
}

TEST(RestartNeeded, ForListeners) {
  const Config running = read(kGood);
  for (const std::string change :
       {"{listen: \"0.0.0.0:8081\"}", "{listen: \"0.0.0.0:8080\", name: x}",
        "{listen: \"0.0.0.0:8080\", trusted_proxies: [10.0.0.0/8]}",
        "{listen: \"0.0.0.0:8080\", keep_headers: [True-Client-IP]}",
        "{listen: \"0.0.0.0:8080\", via: edge}",
        "{listen: \"0.0.0.0:8080\"}, {listen: \"0.0.0.0:8081\"}"}) {
    const Config next = read("listeners: [" + change + "]" + kGood.substr(kGood.find('\n')));
    EXPECT_THAT(restart_needed(running, next), ElementsAre("listeners")) << change;
  }
}

}  // namespace
}  // namespace cutwater::config
