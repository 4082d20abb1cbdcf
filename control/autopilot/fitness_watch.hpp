// Looks at the versions under rollout for what needs no statistics: memory of their endpoints, and
// whether any of them takes connections at all. Only endpoints in service are asked; one that a
// rolling rollout has taken out may be anything. The watch belongs to control's io_context and dies
// before it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "control/autopilot/reverts.hpp"
#include "control/health/memory_probe.hpp"

namespace cutwater::control {

class FitnessWatch {
 public:
  FitnessWatch(boost::asio::io_context& context, Reverts& reverts, const Guards& guards,
               const Services& services)
      : context_(context), reverts_(reverts), guards_(guards), services_(services) {}

  // Asks for memory every 5 s from now on.
  void start();
  // Call it once a second: it looks at versions to which connections have just failed.
  void tick();

 private:
  struct Asked {
    std::string service, version;
    std::shared_ptr<upstream::Endpoint> endpoint;
  };
  boost::asio::awaitable<void> run_memory_probe();
  boost::asio::awaitable<void> ask_memory(Asked asked, config::Memory memory);
  boost::asio::awaitable<void> check_refusing(std::string service, std::string version);

  boost::asio::io_context& context_;
  Reverts& reverts_;
  const Guards& guards_;
  const Services& services_;
  health::MemoryWatch memory_;
  std::set<std::pair<std::string, std::string>> refusing_;  // being looked at: service, version
};

}  // namespace cutwater::control
