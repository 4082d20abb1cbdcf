// The parts of a running proxy, in the order they are made. What stands further down uses what
// stands above it, and goes first.
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

// What the control plane is made from: the configuration, the restored state, and the world outside
// as functions, so that tests hold time, files and other people's answers in their hand. What is
// left empty is the system's. Values, moved in.
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

// Everything that decides, remembers and explains. Thread: control's io_context; outlives it,
// because what still waits there uses these parts when it is destroyed.
struct ControlPlane {
  // `publisher` has adopted the configuration. Guards are armed here, before traffic.
  ControlPlane(boost::asio::io_context& context, AsyncStore& store, DataPlane& data_plane,
               Publisher& publisher, Given given);
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  Resources resources();

  const Clocks clocks;
  // What is.
  Services services;
  Capacity capacity;
  // Who is judged.
  Guards guards;
  FlagGuards flag_guards;
  TrafficWatch traffic;
  // What makes a change true.
  TaskRunner tasks;
  Steering steering;
  Takeover takeover;
  // What happens by itself.
  Reverts reverts;
  Ramps ramps;
  RolloutClock clock;
  Answers answers;
  // What people ask.
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

// The whole process but for its signals: opened, serving, closed. Thread: control's io_context.
class Assembly {
 public:
  // `on_drain`: somebody asks the proxy to finish what is in flight and exit.
  Assembly(const RunOptions& options, std::function<void()> on_drain);
  ~Assembly();

  // Reads and restores everything and makes the parts. 0, or an exit code with its message on
  // stderr.
  int open();
  // Binds and starts; the same.
  int serve();
  void close();

  boost::asio::io_context& context() { return context_; }
  worker::WorkerGroup& workers() { return *workers_; }
  ControlPlane& control() { return *control_; }
  AdminServer& admin() { return *admin_; }
  // Once a second.
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
  // Below the control plane: what still waits in it is destroyed first.
  boost::asio::io_context context_{1};
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<Historian> historian_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<health::HealthProber> prober_;
  std::unique_ptr<FitnessWatch> fitness_;
};

}  // namespace cutwater::control
