// Shows and checks the configuration, and reads it again as a whole or not at all. It belongs to
// control's io_context and lives as long as the control plane.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/parse.hpp"
#include "control/operations/resources.hpp"
#include "control/steering/takeover.hpp"

namespace cutwater::control {

// Says where a new configuration comes from, and who hears of it.
struct ConfigurationSource {
  std::string path;                      // of the file, for messages
  std::function<config::Parsed()> load;  // default: `path`
  std::function<void()> on_reloaded;     // everything may have changed; may be empty
};

class ConfigurationOperations : public ConfigurationResource {
 public:
  ConfigurationOperations(ConfigurationSource source, Services& services, Steering& steering,
                          Takeover& takeover, const Clocks& clocks);

  Reply config() override;
  Reply validate(const std::string& yaml) override;
  Awaitable<Reply> reload(Actor actor) override;
  const std::string& path() const { return source_.path; }
  bool last_reload_ok() const { return last_reload_ok_; }

 private:
  ConfigurationSource source_;
  Services& services_;
  Steering& steering_;
  Takeover& takeover_;
  const Clocks& clocks_;
  bool last_reload_ok_ = true;
};

}  // namespace cutwater::control
