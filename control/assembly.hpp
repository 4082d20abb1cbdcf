// Puts the parts of a running proxy together, in the order they are made. A part uses the parts
// that stand above it, and is destroyed before them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/admin/server.hpp"
#include "control/autopilot/answers.hpp"
#include "control/autopilot/clock.hpp"
#include "control/autopilot/fitness_watch.hpp"
#include "control/autopilot/ramps.hpp"
#include "control/autopilot/reverts.hpp"
#include "control/base/run_options.hpp"
#include "control/health/prober.hpp"
#include "control/history/historian.hpp"
#include "control/metrics/taken_fields.hpp"
#include "control/operations/configuration.hpp"
#include "control/operations/flags.hpp"
#include "control/operations/history.hpp"
#include "control/operations/mirror.hpp"
#include "control/operations/proxy.hpp"
#include "control/operations/rollouts.hpp"
#include "control/operations/services.hpp"
#include "control/operations/versions.hpp"
#include "control/operations/weights.hpp"
#include "control/snapshot/certificates.hpp"
#include "control/state/restore.hpp"
#include "proxy/worker/worker_group.hpp"

namespace cutwater::control {

// Says what the control plane is made from: the configuration, the restored state, and the world
// outside as functions, so that tests hold time, files and other people's answers in their hand. A
// function that is left empty is the system's. The values are moved in.
struct Given {
  config::Config config;  // the file; what is in force is `restored.config`
  config::Operations operations = {};
  Restored restored;
  Clocks clocks = {};
  ConfigurationSource source = {};
  Resolver resolver = system_resolver();
  std::function<void()> on_published = {};  // endpoints may have changed: probes
  TaskRunner::DoTask do_task = {};
  WriteHooks write_hooks = {};
  ProxyOperations::Application application = {};
  Historian* historian = nullptr;        // lives as long as the control plane is asked
  notify::Notifier* notifier = nullptr;  // the same
};

// Holds everything that decides, remembers and explains. It belongs to control's io_context and
// outlives it, because what still waits there uses these parts when it is destroyed.
struct ControlPlane {
  // `publisher` has adopted the configuration. Guards are armed here, before traffic.
  ControlPlane(boost::asio::io_context& context, AsyncStore& store, DataPlane& data_plane,
               Publisher& publisher, Given given);
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  Resources resources();

  const Clocks clocks;
  // These parts know what is.
  Services services;
  Capacity capacity;
  // These parts know who is judged.
  Guards guards;
  FlagGuards flag_guards;
  TrafficWatch traffic;
  // These parts make a change true.
  TaskRunner tasks;
  Steering steering;
  Takeover takeover;
  // These parts do what happens by itself.
  Reverts reverts;
  Ramps ramps;
  RolloutClock clock;
  Answers answers;
  // These parts answer what people ask.
  ServicesOperations services_asked;
  WeightsOperations weights;
  RolloutsOperations rollouts;
  VersionsOperations versions;
  FlagsOperations flags;
  MirrorOperations mirror;
  ConfigurationOperations configuration;
  HistoryOperations history;
  ProxyOperations proxy;
  StoredIdempotency idempotency;
};

// Holds the whole process but for its signals: opened, serving, closed. It belongs to control's
// io_context.
class Assembly {
 public:
  // `on_drain`: somebody asks the proxy to finish what is in flight and exit.
  Assembly(const RunOptions& options, std::function<void()> on_drain);
  ~Assembly();

  // Reads and restores everything and makes the parts. It returns 0, or an exit code with its
  // message on stderr.
  int open();
  // Binds and starts; it returns the same.
  int serve();
  void close();

  boost::asio::io_context& context() { return context_; }
  worker::WorkerGroup& workers() { return *workers_; }
  ControlPlane& control() { return *control_; }
  AdminServer& admin() { return *admin_; }
  // Is called once a second.
  Awaitable<void> tick();
  Historian& historian() { return *historian_; }

 private:
  class WorkerPlane;

  Given given(Restored restored);
  config::Parsed load_again();
  std::string metrics_text();
  int open_history(Store& store);  // reads what the notifier begins with
  void make_history();
  void open_workers();
  std::string write_ready_file() const;
  ProxyFacts facts() const;
  void update_probes();

  const RunOptions& options_;
  const std::function<void()> on_drain_;
  config::Config config_;
  config::Operations operations_;
  Change start_change_;
  std::vector<OpenTopic> incidents_;
  TakenFields taken_fields_;
  notify::Outside outside_;
  Certificates certificates_;
  std::unique_ptr<AsyncStore> store_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<worker::WorkerGroup> workers_;
  std::unique_ptr<WorkerPlane> plane_;
  std::unique_ptr<ControlPlane> control_;
  // This stands below the control plane, so that what still waits in it is destroyed first.
  boost::asio::io_context context_{1};
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<Historian> historian_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<health::HealthProber> prober_;
  std::unique_ptr<FitnessWatch> fitness_;
};

}  // namespace cutwater::control
