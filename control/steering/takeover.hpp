// Takes over a whole new configuration, from the file or with one version moved: it is worked out
// beside what runs, and is then in force on every worker, or not at all. Takeover belongs to
// control's thread and lives as long as the control plane. The caller holds a turn.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "config/report.hpp"
#include "control/snapshot/places.hpp"
#include "control/snapshot/resolver.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

// Holds a configuration fitted to what runs. Nothing has changed yet.
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

// Says why a configuration was not taken over: it has problems of its own, the store does not
// write, or a version is put where none may run.
using NotTaken = std::variant<std::vector<config::Problem>, StoreError, ForbiddenPlace>;

class Takeover {
 public:
  // `own` says what we listen on now. `on_published` is called when endpoints may have changed; it
  // may be empty.
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
  // Afterwards the configuration is durable and in force on every worker; or nothing has changed.
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
