// Watches the memory of the endpoints of a version under rollout, as they report it: more than the
// threshold in three samples running, 5 s apart, is a failure without any statistics
// (proxy/guard/README.md, "Outcomes"). An endpoint that does not answer, or not with the metric,
// says nothing: health checks exist for that. It runs on control's io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/guards.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/routing/endpoint.hpp"

namespace cutwater::control::health {

// Counts samples. It is pure.
class MemoryWatch {
 public:
  static constexpr Seconds kApart{5};
  static constexpr int kRunning = 3;

  struct Sample {
    std::uint32_t endpoint = 0;
    std::string url;  // for the reason
    std::optional<double> used_bytes;
  };
  // Says why the version is to be reverted, at every third sample in a row above the threshold.
  std::optional<std::string> note(const Sample& sample, const config::Memory& memory);
  // Forgets what was known of the other endpoints.
  void keep_only(const std::set<std::uint32_t>& endpoints) {
    std::erase_if(above_, [&](const auto& one) { return !endpoints.contains(one.first); });
  }

 private:
  std::map<std::uint32_t, int> above_;  // samples in a row, by endpoint
};

// Asks once. Throws only when cancelled.
boost::asio::awaitable<std::optional<double>> ask_memory(
    std::shared_ptr<upstream::Endpoint> endpoint, config::Memory memory);

// Returns true when no endpoint takes a connection, three times, half a second apart.
boost::asio::awaitable<bool> all_refuse(std::vector<std::shared_ptr<upstream::Endpoint>> endpoints);

}  // namespace cutwater::control::health
