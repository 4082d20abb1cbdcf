// Who is guarded, by which limits, held against whom.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "control/controller_impl.hpp"
#include "control/guard_policy.hpp"

namespace cutwater::control {
namespace asio = boost::asio;

// Evidence about stable says whether a failing candidate fails alone. One witness serves every
// version that is held against it, so it is not armed anew while it watches.
std::shared_ptr<guard::VersionMonitor> ControllerImpl::watch_baseline(const std::string& service,
                                                                      const Pair& pair) {
  const auto monitor = publisher_.monitor(service, pair.baseline);
  if (!monitor || pair.baseline == pair.version) return nullptr;
  guard::GuardPolicy policy = policy_of(find_config(service)->guards);
  policy.witness = true;
  if (!monitor->report(setup_.now()).armed) monitor->arm(policy, {});
  return monitor;
}

void ControllerImpl::arm(const std::string& service, const Pair& pair, const EngineState* rollout) {
  const auto monitor = publisher_.monitor(service, pair.version);
  const config::Service* config = find_config(service);
  if (!monitor || config == nullptr) return;
  const bool in_rollout = rollout != nullptr && rollout->to == pair.version;
  const config::Guards limits =
      in_rollout ? limits_of(config->guards, rollout->stage().guards) : config->guards;
  const std::weak_ptr<int> alive = alive_;
  monitor->arm(policy_of(limits),
               [this, alive, service, version = pair.version] {
                 // On a worker: only hand over. The flag is set already, nothing is sent there any
                 // more.
                 asio::post(context_, [this, alive, service, version] {
                   if (alive.expired()) return;
                   asio::co_spawn(context_, on_trip(service, version), asio::detached);
                 });
               },
               {watch_baseline(service, pair)});
}

}  // namespace cutwater::control
