// Works out what a start begins with: the stored state fitted to the configuration. It is pure; the
// caller writes `change` before it serves. Stored state wins over the file's weights; what does not
// fit is a problem for a person, never a guess.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "config/report.hpp"
#include "control/state/fit.hpp"
#include "control/store/store.hpp"

namespace cutwater::control {

struct Moment {
  TimePoint now;         // steady
  std::int64_t wall_ms;  // unix
};

struct Restored {
  config::Config config;  // in force: the file with what was said at run time
  std::map<std::string, RestoredService> services;
  Change change;
  std::vector<config::Problem> problems;
};
// Says what is wrong with where an endpoint of a version is now ("does not resolve any more"); it
// is empty when the place is good. It may block.
using WhyGone = std::function<std::string(const config::Service&, const VersionState&,
                                          const config::Endpoint&)>;
// With `why_gone`, a version that was put somewhere at run time, has no traffic and cannot run
// there any more is forgotten: its container is gone, and that must not keep the process from
// starting.
Restored restore(const config::Config& written, const std::string& file, const Loaded& loaded,
                 Moment at, const WhyGone& why_gone = {});

}  // namespace cutwater::control
