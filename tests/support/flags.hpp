// Builds a feature flag in one line.
#pragma once

#include "config/flag.hpp"

namespace cutwater::test {

// The requests whose cookie or header has this value go to `version`.
inline config::Flag flag_when(std::string name, config::FlagCondition::Source source,
                              std::string key, std::string value, std::string version = "green") {
  config::Flag flag;
  flag.name = std::move(name);
  flag.when = config::FlagCondition{source, std::move(key), config::IdList({std::move(value)})};
  flag.version = std::move(version);
  return flag;
}

// Makes a flag for this share of the users of cookie `uid`.
inline config::Flag flag_share(std::string name, Share share, std::string version = "green") {
  config::Flag flag;
  flag.name = std::move(name);
  flag.percentage = share;
  flag.key = config::FlagKey{config::FlagKey::Kind::Cookie, "uid"};
  flag.version = std::move(version);
  return flag;
}

}  // namespace cutwater::test
