// A control plane whose flags are looked at: by the API, and as the workers have them.
#pragma once

#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {

class FlagTest : public ControlPlaneTest {
 protected:
  Reply set(const std::string& flag, const std::string& body,
            Precondition precondition = {Precondition::Kind::Any, 0}) {
    return ask(
        control_->flags.put_flag("shop", flag, json::parse(body).as_object(), precondition, ana_));
  }
  json::object view(const std::string& flag) {
    const Reply all = control_->flags.flags("shop");
    for (const auto& one : all.body.at("flags").as_array())
      if (one.at("name").as_string() == flag) return one.as_object();
    throw std::runtime_error("no flag " + flag);
  }
  const routing::FlagSnapshot& live(const std::string& flag) {
    for (const auto& one : workers_.current->services[0]->flags)
      if (one.name == flag) return one;
    throw std::runtime_error("no flag " + flag);
  }
  // Sends requests of a flag's users.
  void flagged(const std::string& flag, int count, stats::Outcome outcome) {
    attempts(*publisher_->flag_monitor("shop", flag), count, outcome);
  }
  // Up to 50 % and on to everybody, a minute at each.
  static config::Flag ramping(const std::string& name, int percent) {
    config::Flag flag = test::flag_share(name, Share::percent(percent));
    flag.ramp.emplace();
    flag.ramp->steps = {Share::percent(percent), Share::percent(50), Share::percent(100)};
    flag.ramp->bake = 60s;
    return flag;
  }
};

}  // namespace cutwater::control
