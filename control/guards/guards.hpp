// Knows who is judged, by which limits, against whom, and what was found. Guards are armed before a
// version can have traffic and retired after it has lost it. Guards belongs to control's thread and
// lives as long as the control plane. When a guard speaks on a worker's thread, the call comes back
// on control's.
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

// Returns the versions that are judged: those beside stable that have traffic, the one under
// rollout, and the promoted one as long as the one before it is kept for a rollback. It is pure.
std::set<std::string> guarded(const ServiceState& state, const EngineState* rollout);
inline std::set<std::string> guarded(const RestoredService& service) {
  return guarded(service.state, service.active());
}
// Returns the one version of the service that is compared with stable; it is empty if there is
// none, or several. Requests that a flag, a preview or a fall to stable has placed are not dealt by
// chance and have no part in it; a flag has a comparison of its own (compared_flag). It is pure.
std::string compared(const RestoredService& service);

class Guards {
 public:
  using OnTrip = std::function<void(const std::string& service, const std::string& version)>;

  Guards(boost::asio::io_context& context, Services& services, const Publisher& publisher,
         const Clocks& clocks)
      : context_(context), services_(services), publisher_(publisher), clocks_(clocks) {}

  // Sets who is told, on the control thread, when a guard has spoken. Call it before the workers
  // run.
  void on_trip(OnTrip on_trip) { on_trip_ = std::move(on_trip); }

  // Arms, at the start, the guards of all versions that are judged now.
  void arm_all(const std::string& service);
  // Call it before a new snapshot: a version that gets traffic is guarded first, a version that
  // lost it is shut. `rearm` are the versions whose evidence begins anew.
  void sync(const RestoredService& before, const ServiceState& state, const EngineState* rollout,
            const std::set<std::string>& rearm = {});
  // Call it after the snapshot: a version that has no traffic left needs no guard. What was found
  // stays readable.
  void retire(const std::string& service);
  // Evidence about stable says whether a failing candidate fails alone. One witness serves every
  // version that is held against it, so it is not armed anew while it watches.
  void witness(const std::string& service, guard::VersionMonitor& baseline);

  // Sets T* of the relative latency guard from the last minute of the baseline: before each change
  // of weights, and once there has been enough traffic.
  void freeze_latency(const std::string& service);
  // Sets T* for every comparison that has no limits yet. Call it once a second.
  void freeze_due_latencies();
  // All traffic is the candidate's: what stable did before is all there is to hold it against.
  void hold_against_past(const std::string& service);
  // Lets the relative guards judge what has become ripe. Call it some ten times a second.
  void compare();

  // Returns what is known about a version: about the whole, or about the route that has failed.
  Evidence evidence_of(const std::string& service, const std::string& version) const;
  boost::json::object evidence_view(const std::string& service, const std::string& version) const;
  // Returns the route whose guard has spoken; of several the one with the strongest evidence.
  std::optional<Evidence> failed_route(const std::string& service,
                                       const std::string& version) const;
  // Lists the worst first: by how near it is to an alarm.
  boost::json::array routes_view(const std::string& service, const std::string& version) const;

  bool is_guarded(const std::string& service, const std::string& version) const;
  // Returns the endpoints in service; a version that is not guarded has none here.
  Endpoints endpoints(const std::string& service, const std::string& version) const;
  // Returns the guarded versions to which connections failed in the last two seconds: service,
  // version.
  std::vector<std::pair<std::string, std::string>> refusing_lately() const;

 private:
  struct Pair {
    std::string version, baseline;
  };
  // Judges by the limits of the rollout's present stage, if the rollout is about this version.
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
