#include "control/autopilot/fitness_watch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cutwater::control {
namespace asio = boost::asio;

void FitnessWatch::start() {
  asio::co_spawn(context_, run_memory_probe(), asio::detached);
}

void FitnessWatch::tick() {
  for (const auto& [service, version] : guards_.refusing_lately())
    if (refusing_.insert({service, version}).second)
      asio::co_spawn(context_, check_refusing(service, version), asio::detached);
}

// Connections to the version failed: if no endpoint takes any for a second, it is down, with or
// without enough traffic for the guard.
asio::awaitable<void> FitnessWatch::check_refusing(std::string service, std::string version) {
  auto endpoints = guards_.endpoints(service, version);
  const bool refused = co_await health::all_refuse(std::move(endpoints));
  // The endpoints must still be those: a rolling rollout may have taken them out meanwhile.
  if (refused && !guards_.endpoints(service, version).empty()) {
    Unfit what{service, version, "health",
               "every endpoint of " + version + " has refused connections for more than a second"};
    co_await reverts_.unfit(std::move(what));
  }
  refusing_.erase({service, version});
}

// Only versions under rollout are asked: nothing else would be reverted for it.
asio::awaitable<void> FitnessWatch::run_memory_probe() {
  asio::steady_timer timer(context_);
  for (;;) {
    timer.expires_after(health::MemoryWatch::kApart);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    std::set<std::uint32_t> asked;
    for (const auto& service : services_.config().services) {
      if (!service.memory.enabled) continue;
      for (const auto& version : service.versions) {
        for (const auto& endpoint : guards_.endpoints(service.name, version.name)) {
          asked.insert(endpoint->id());
          Asked one{service.name, version.name, endpoint};
          asio::co_spawn(context_, ask_memory(std::move(one), service.memory), asio::detached);
        }
      }
    }
    memory_.keep_only(asked);
  }
}

asio::awaitable<void> FitnessWatch::ask_memory(Asked asked, config::Memory memory) {
  const auto used = co_await health::ask_memory(asked.endpoint, memory);
  const health::MemoryWatch::Sample sample{asked.endpoint->id(), asked.endpoint->url(), used};
  const auto problem = memory_.note(sample, memory);
  if (!problem) co_return;
  Unfit what{asked.service, asked.version, "memory",
             "memory of " + asked.version + ": " + *problem};
  co_await reverts_.unfit(std::move(what));
}

}  // namespace cutwater::control
