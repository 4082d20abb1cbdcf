#include "control/operations/proxy.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace cutwater::control {
namespace json = boost::json;

Reply ProxyOperations::proxy() {
  const ProxyFacts facts = application_.facts ? application_.facts() : ProxyFacts{};
  json::object listeners;
  for (const auto& [name, address] : facts.listeners) listeners[name] = address;
  const auto up = std::chrono::duration_cast<Seconds>(clocks_.now() - started_);
  Reply reply;
  reply.body = json::object{{"version", CUTWATER_VERSION},
                            {"pid", getpid()},
                            {"uptime_s", up.count()},
                            {"generation", steering_.snapshot()->generation},
                            {"ready", ready_},
                            {"state_writable", steering_.state_writable()},
                            {"last_reload_ok", configuration_.last_reload_ok()},
                            {"workers", facts.workers},
                            {"listeners", std::move(listeners)},
                            {"admin", facts.admin},
                            {"config", configuration_.path()}};
  if (!facts.probes.empty()) reply.body.as_object()["probes"] = facts.probes;
  return reply;
}

Awaitable<Reply> ProxyOperations::drain(Actor actor) {
  spdlog::info("drain asked for actor={}", actor.name);
  if (application_.on_drain) application_.on_drain();
  Reply reply;
  reply.status = 202;
  reply.body = json::object{{"draining", true}};
  co_return reply;
}

std::shared_ptr<void> ProxyOperations::subscribe(std::uint64_t after,
                                                 std::function<void(const Event&)> sink) {
  return steering_.events().subscribe(after, std::move(sink));
}

}  // namespace cutwater::control
