// Who is judged, by which limits, against whom, and what was found. Guards are armed before a
// version can have traffic and retired after it has lost it. Thread: control's; lives as long as
// the control plane. A guard that has spoken on a worker's thread comes back on control's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/base/clocks.hpp"
#include "control/rollout/engine.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/services.hpp"

namespace cutwater::control {

// The versions that are judged: those beside stable that have traffic, the one under rollout, and
// the promoted one as long as the one before it is kept for a rollback. Pure.
std::set<std::string> guarded(const ServiceState& state, const EngineState* rollout);
inline std::set<std::string> guarded(const RestoredService& service) {
  return guarded(service.state, service.active());
}
// The one version of the service that is compared with stable; empty if there is none, or several.
// Requests that a flag, a preview or a fall to stable has placed are not dealt by chance and have
// no part in it; a flag has a comparison of its own (compared_flag). Pure.
std::string compared(const RestoredService& service);

class Guards {
 public:
  using OnTrip = std::function<void(const std::string& service, const std::string& version)>;

  Guards(boost::asio::io_context& context, Services& services, const Publisher& publisher,
         const Clocks& clocks)
      : context_(context), services_(services), publisher_(publisher), clocks_(clocks) {}

  // Told on the control thread when a guard has spoken. Before the workers run.
  void on_trip(OnTrip on_trip) { on_trip_ = std::move(on_trip); }

  // At the start: everybody who is guarded now.
  void arm_all(const std::string& service);
  // Before a new snapshot: who gets traffic is guarded first, who lost it is shut. `rearm` are the
  // versions whose evidence begins anew.
  void sync(const RestoredService& before, const ServiceState& state, const EngineState* rollout,
            const std::set<std::string>& rearm = {});
  // After it: who has no traffic left needs no guard. What was found stays readable.
  void retire(const std::string& service);
  // Evidence about stable says whether a failing candidate fails alone. One witness serves every
  // version that is held against it, so it is not armed anew while it watches.
  void witness(const std::string& service, guard::VersionMonitor& baseline);

  // T* of the relative latency guard, from the last minute of the baseline: before each change of
  // weights, and once there has been enough traffic.
  void freeze_latency(const std::string& service);
  // The latter, for every comparison that has no limits yet. Once a second.
  void freeze_due_latencies();
  // All traffic is the candidate's: what stable did before is all there is to hold it against.
  void hold_against_past(const std::string& service);
  // Some ten times a second: the relative guards judge what has become ripe.
  void compare();

  // What is known about a version: of the whole, or of the route that has failed.
  Evidence evidence_of(const std::string& service, const std::string& version) const;
  boost::json::object evidence_view(const std::string& service, const std::string& version) const;
  // The route whose guard has spoken; of several the one with the strongest evidence.
  std::optional<Evidence> failed_route(const std::string& service,
                                       const std::string& version) const;
  // The worst first: by how near it is to an alarm.
  boost::json::array routes_view(const std::string& service, const std::string& version) const;

  bool is_guarded(const std::string& service, const std::string& version) const;
  // The endpoints in service; none of a version that is not guarded.
  Endpoints endpoints(const std::string& service, const std::string& version) const;
  // Guarded versions to which connections failed in the last two seconds: service, version.
  std::vector<std::pair<std::string, std::string>> refusing_lately() const;

 private:
  struct Pair {
    std::string version, baseline;
  };
  // By the limits of the rollout's present stage, if it is about this version.
  void arm(const std::string& service, const Pair& pair, const EngineState* rollout);
  void arm_routes(const std::string& service, const Pair& pair, const config::Guards& limits);
  std::function<void()> trip_of(const std::string& service, const std::string& version);

  boost::asio::io_context& context_;
  Services& services_;
  const Publisher& publisher_;
  const Clocks& clocks_;
  OnTrip on_trip_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // callbacks from workers check it
};

}  // namespace cutwater::control
