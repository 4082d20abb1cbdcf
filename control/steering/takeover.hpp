// A whole new configuration, from the file or with one version moved: worked out beside what runs,
// then in force on every worker, or not at all. Thread: control's; lives as long as the control
// plane. The caller holds a turn.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/parse.hpp"
#include "control/snapshot/places.hpp"
#include "control/snapshot/resolver.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

// A configuration fitted to what runs: nothing has changed yet.
struct NextConfig {
  std::string from;        // where it comes from, for messages: the file, or a request
  config::Config written;  // the file
  config::Config config;   // in force: with what was said at run time
  ServiceEntries entries;
  Change change;
  std::pair<std::string, std::string> put;  // service and version that a person puts somewhere
  std::vector<config::Problem> problems;    // why it cannot be

  void refuse(std::string text) { problems.push_back({from, 0, 0, std::move(text)}); }
};

// Why a configuration was not taken over: problems of its own, a store that does not write, or a
// version that is put where none may run.
using NotTaken = std::variant<std::vector<config::Problem>, StoreError, ForbiddenPlace>;

class Takeover {
 public:
  // `own`: what we listen on now. `on_published`: endpoints may have changed; may be empty.
  Takeover(SteeredParts parts, Steering& steering, std::string config_path, Resolver resolver,
           std::function<std::vector<config::Address>()> own, std::function<void()> on_published)
      : parts_(parts),
        steering_(steering),
        config_path_(std::move(config_path)),
        resolver_(std::move(resolver)),
        own_(std::move(own)),
        on_published_(std::move(on_published)) {}

  // `changed`, with the generation it has now, takes the place of the state of its service.
  NextConfig fit(config::Config written, const ServiceState* changed = nullptr) const;
  // Durable and in force on every worker; or nothing has changed.
  Awaitable<std::optional<NotTaken>> take_over(NextConfig next);

 private:
  SteeredParts parts_;
  Steering& steering_;
  const std::string config_path_;
  const Resolver resolver_;
  const std::function<std::vector<config::Address>()> own_;
  const std::function<void()> on_published_;
  ServiceEntries retired_;  // services a reload removed; they may come back
};

}  // namespace cutwater::control
