// Tells the log, at most once an hour, which fields about the client were taken from peers that no
// `trusted_proxies` names: somebody forges them, or a proxy is missing in the list. Pure: time and
// counts are arguments. Thread: control's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "proxy/base/clock.hpp"

namespace cutwater::control {

class TakenFields {
 public:
  using Counts = std::map<std::string, std::uint64_t>;  // by family, since the start

  // The line, if something was taken and the last line is an hour old; the first comes at once.
  std::optional<std::string> due(TimePoint now, const Counts& counts);

 private:
  std::optional<TimePoint> told_;
  Counts told_counts_;
};

}  // namespace cutwater::control
