#include "control/assembly.hpp"

#include <sched.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "config/names.hpp"
#include "control/base/json_text.hpp"
#include "control/metrics/metrics_source.hpp"
#include "control/snapshot/cookie_keys.hpp"
#include "proxy/net/descriptor_limit.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

constexpr auto kMostDrainSpread = std::chrono::seconds(2);

// There is one worker per core that this process may use.
unsigned usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

int exit_code(const StoreError& error) {
  switch (error.kind) {
    case StoreError::Kind::Locked:
      return kExitStateLocked;
    case StoreError::Kind::Corrupt:
      return kExitStateCorrupt;
    default:
      return kExitStateDir;
  }
}

int fail(int code, const std::string& message) {
  std::cerr << "cutwater: " << message << "\n";
  return code;
}

int refuse(const std::vector<config::Problem>& problems) {
  for (const auto& problem : problems) std::cerr << config::to_string(problem) << "\n";
  return 2;
}

// A problem with one of these is not to be found in the file.
void tell_of_versions(const Restored& restored) {
  for (const auto& [service, known] : restored.services)
    for (const auto& [version, where] : known.state.versions)
      std::cerr << "cutwater: where `" << version << "` of `" << service
                << "` runs was said at run time; what the file says of it overrules that\n";
}

void warn_of_short_tokens(const config::Admin& admin) {
  for (const auto& token : admin.tokens)
    if (config::is_short(token))
      spdlog::warn("an admin token is shorter than {} characters token={}", config::kShortestToken,
                   token.name);
}

// The file's, and what was bound: ports may have been chosen at the start.
std::function<std::vector<config::Address>()> own_addresses(const Services& services,
                                                            std::function<ProxyFacts()> facts) {
  return [&services, facts = std::move(facts)] {
    std::vector<config::Address> out = listen_addresses(services.config());
    if (!facts) return out;
    const ProxyFacts now = facts();
    const auto add = [&out](const std::string& text) {
      const auto address = config::check_listen(text);
      if (const auto* good = std::get_if<config::Address>(&address)) out.push_back(*good);
    };
    for (const auto& [name, address] : now.listeners) add(address);
    add(now.admin);
    add(now.probes);
    return out;
  };
}

int listen_failure(const std::string& message) {
  const bool taken = message.find("in use") != std::string::npos;
  return fail(taken ? kExitPortInUse : 1, message);
}

}  // namespace

// --- the control plane ---------------------------------------------------------------------------

ControlPlane::ControlPlane(asio::io_context& context, AsyncStore& store, DataPlane& data_plane,
                           Publisher& publisher, Given given)
    : clocks(std::move(given.clocks)),
      services(std::move(given.config), std::move(given.restored.config),
               std::move(given.operations), std::move(given.restored.services)),
      capacity(services, publisher, clocks),
      guards(context, services, publisher, clocks),
      flag_guards(context, services, publisher, guards, clocks),
      traffic(context, store, services, publisher, clocks),
      tasks(context, services, publisher, data_plane, std::move(given.do_task)),
      steering(context,
               {store, data_plane, publisher, services, capacity, guards, flag_guards, traffic,
                tasks, clocks},
               std::move(given.write_hooks)),
      takeover(steering.parts(), steering, given.source.path, std::move(given.resolver),
               own_addresses(services, given.application.facts), std::move(given.on_published)),
      reverts(steering, services, guards, capacity),
      ramps(steering, services, flag_guards, clocks),
      clock(steering.parts(), steering, ramps),
      answers(context, steering, services, tasks, clock),
      services_asked(steering.parts(), steering),
      weights(steering.parts(), steering),
      rollouts(steering.parts(), steering),
      versions(steering.parts(), steering, takeover),
      flags(steering.parts(), steering),
      mirror(steering.parts(), steering),
      configuration(std::move(given.source), services, steering, takeover, clocks),
      history(store, services, given.historian, given.notifier),
      proxy(std::move(given.application), steering, configuration, clocks),
      idempotency(store, clocks) {
  // These are the four things that go up.
  guards.on_trip([this, &context](const std::string& service, const std::string& version) {
    asio::co_spawn(context, reverts.tripped(service, version), asio::detached);
  });
  flag_guards.on_trip([this, &context](const std::string& service, const std::string& flag) {
    asio::co_spawn(context, ramps.tripped(service, flag), asio::detached);
  });
  tasks.on_done([this](std::string service, RunningTask done, TaskResult result) {
    return answers.task_done(std::move(service), std::move(done), std::move(result));
  });
  tasks.on_told([this](std::string rollout, std::string problem) {
    return answers.hook_told(std::move(rollout), std::move(problem));
  });
  steering.start();
}

Resources ControlPlane::resources() {
  return {services_asked, weights,       rollouts, versions, flags,
          mirror,         configuration, history,  proxy};
}

// --- the process ---------------------------------------------------------------------------------

class Assembly::WorkerPlane : public DataPlane {
 public:
  explicit WorkerPlane(worker::WorkerGroup& group) : group_(group) {}
  void publish(std::shared_ptr<const routing::RoutingSnapshot> snapshot,
               std::function<void()> on_switched) override {
    group_.publish(std::move(snapshot), std::move(on_switched));
  }
  void count_active(const std::vector<std::uint32_t>& endpoints,
                    std::function<void(std::uint64_t)> counted) override {
    group_.count_active(endpoints, std::move(counted));
  }

 private:
  worker::WorkerGroup& group_;
};

Assembly::Assembly(const RunOptions& options, std::function<void()> on_drain)
    : options_(options), on_drain_(std::move(on_drain)) {}

Assembly::~Assembly() = default;

int Assembly::open() {
  config::Parsed parsed = config::load(options_.config_path);
  if (!parsed.problems.empty()) return refuse(parsed.problems);
  config_ = std::move(*parsed.config);
  operations_ = std::move(parsed.operations);
  if (config_.workers == 0) config_.workers = usable_cores();

  if (const auto problem = net::make_room(config_.limits.connections); !problem.empty())
    return fail(2, problem);
  auto store = Store::open(config_.state_dir);
  if (store.has_error()) return fail(exit_code(store.error()), store.error().message);
  const OwnAddresses own{listen_addresses(config_), is_local_address};
  const auto why_gone = [this, &own, resolve = system_resolver()](
                            const config::Service& service, const VersionState& where,
                            const config::Endpoint& endpoint) -> std::string {
    const auto found = resolve(endpoint.address);
    const auto* address = std::get_if<SocketAddress>(&found);
    if (address == nullptr) return "does not resolve any more";
    const auto no = forbidden_place(endpoint, *address, own, hosts_for(config_, service, where));
    return no ? "may not be where it is now (" + no->rule + ")" : "";
  };
  Restored restored = restore(config_, options_.config_path, (*store)->loaded(),
                              {Clocks().now(), Clocks().wall_ms()}, why_gone);
  if (!restored.problems.empty()) return refuse(restored.problems);
  const auto state_of = [&restored](const std::string& service) {
    return &std::as_const(restored.services).at(service).state;
  };
  const Resolution resolution =
      resolve_endpoints(restored.config, options_.config_path, system_resolver(), {},
                        place_rule(restored.config, state_of, own));
  if (!resolution.problems.empty()) {
    tell_of_versions(restored);
    return refuse(resolution.problems);
  }

  if (const int code = open_history(**store); code != 0) return code;
  if (const auto problems = certificates_.load(listeners_and_admin(config_), options_.config_path);
      !problems.empty())
    return refuse(problems);

  start_change_ = restored.change;
  publisher_ = std::make_unique<Publisher>(config_.workers, (*store)->loaded().cookie_key);
  const auto keys = (*store)->note(kCookieKeysNote);
  if (keys.has_error()) return fail(exit_code(keys.error()), keys.error().message);
  publisher_->cookie_keys().restore(*keys);
  publisher_->adopt(restored.config, resolution);
  store_ = std::make_unique<AsyncStore>(std::move(*store));
  make_history();
  open_workers();
  control_ = std::make_unique<ControlPlane>(context_, *store_, *plane_, *publisher_,
                                            given(std::move(restored)));
  return 0;
}

int Assembly::open_history(Store& store) {
  auto incidents = store.open_topics();
  if (incidents.has_error()) return fail(exit_code(incidents.error()), incidents.error().message);
  incidents_ = *std::move(incidents);
  // Incidents end under the name they began with; a container's host name does not last.
  outside_ = notify::real_outside();
  const auto known = store.note("source");
  if (known.has_value() && known->empty())
    static_cast<void>(store.put_note("source", outside_.source, {}));
  else if (known.has_value())
    outside_.source = *known;
  return 0;
}

void Assembly::make_history() {
  const auto wall_ms = outside_.wall_ms;
  notifier_ = std::make_unique<notify::Notifier>(context_, *store_, std::move(outside_));
  notifier_->set_open(incidents_);
  notifier_->adopt(operations_);
  historian_ = std::make_unique<Historian>(*store_, *notifier_, wall_ms);
  historian_->adopt(operations_);
}

void Assembly::open_workers() {
  worker::Options workers{config_.workers, config_.listeners, config_.limits, config_.access_log};
  workers.drain_spread = std::min<config::Duration>(config_.drain_timeout / 4, kMostDrainSpread);
  workers.drain_timeout = config_.drain_timeout;
  workers.tls = certificates_.contexts();
  workers.tls.pop_back();  // of the admin API
  workers_ = std::make_unique<worker::WorkerGroup>(std::move(workers));
  certificates_.on_new([this](std::size_t listener, auto tls) {
    if (listener == config_.listeners.size()) return admin_->use_tls(std::move(tls));
    workers_->switch_tls(listener, std::move(tls));
  });
  plane_ = std::make_unique<WorkerPlane>(*workers_);
}

config::Parsed Assembly::load_again() {
  config::Parsed parsed = config::load(options_.config_path);
  if (!parsed.config) return parsed;
  // "auto" was settled at start; the same word must not look like another number.
  if (parsed.config->workers == 0) parsed.config->workers = config_.workers;
  parsed.problems = certificates_.check(listeners_and_admin(*parsed.config), options_.config_path);
  if (!parsed.problems.empty()) parsed.config.reset();
  return parsed;
}

Given Assembly::given(Restored restored) {
  Given out;
  out.config = config_;
  out.operations = operations_;
  out.restored = std::move(restored);
  out.source.path = options_.config_path;
  out.source.load = [this] { return load_again(); };
  out.source.on_reloaded = [this] {
    certificates_.adopt();
    admin_->adopt(control_->services.config().admin);
    warn_of_short_tokens(control_->services.config().admin);
    notifier_->adopt(control_->services.operations());
    historian_->adopt(control_->services.operations());
    asio::co_spawn(context_, keep(publisher_->cookie_keys(), *store_), asio::detached);
  };
  out.on_published = [this] { update_probes(); };
  out.write_hooks.before = [this](Change& change) { notifier_->before_write(change); };
  out.write_hooks.after = [this](const Change& change) {
    notifier_->after_write(change);
    historian_->written(change);
  };
  out.application.on_drain = on_drain_;
  out.application.facts = [this] { return facts(); };
  out.historian = historian_.get();
  out.notifier = notifier_.get();
  return out;
}

ProxyFacts Assembly::facts() const {
  ProxyFacts out;
  for (const auto& listener : workers_->listeners())
    out.listeners.emplace_back(listener.name, to_string(listener.address));
  out.admin = config_.admin.unix_path.empty() ? to_string(admin_->address())
                                              : "unix:" + config_.admin.unix_path;
  if (const auto probes = admin_->probes_address()) out.probes = to_string(*probes);
  out.workers = config_.workers;
  return out;
}

std::string Assembly::metrics_text() {
  MetricsInput input = collect_metrics({control_->services, *publisher_, control_->steering,
                                        control_->configuration, control_->proxy},
                                       workers_->totals(), Clock::now());
  add_history(input, *historian_);
  input.certificates = certificates_.facts();
  return render_metrics(input);
}

int Assembly::serve() {
  if (const std::string error = workers_->start(control_->steering.snapshot()); !error.empty())
    return listen_failure(error);
  admin_ = std::make_unique<AdminServer>(context_, config_.admin, control_->resources(),
                                         control_->idempotency, [this] { return metrics_text(); });
  admin_->use_tls(certificates_.contexts().back());
  warn_of_short_tokens(config_.admin);
  if (const std::string error = admin_->start(); !error.empty()) return listen_failure(error);
  prober_ = std::make_unique<health::HealthProber>(
      context_, [this](const health::Target& target, bool healthy, const std::string& why) {
        const ProbedEndpoint probed{target.service, target.version, target.endpoint->url()};
        asio::co_spawn(context_, control_->reverts.health_changed(probed, healthy, why),
                       asio::detached);
      });
  update_probes();
  // This writes what restore() found out; on a full disk it is written later.
  asio::co_spawn(context_, control_->steering.write_or_keep(std::move(start_change_)),
                 asio::detached);
  asio::co_spawn(context_, keep(publisher_->cookie_keys(), *store_), asio::detached);
  fitness_ = std::make_unique<FitnessWatch>(context_, control_->reverts, control_->guards,
                                            control_->services);
  fitness_->start();
  notifier_->start();
  control_->proxy.set_ready(true);
  const std::string error = write_ready_file();
  if (!error.empty()) return fail(1, error);
  for (const auto& [name, address] : facts().listeners)
    spdlog::info("listening listener={} address={} workers={}", name, address, config_.workers);
  spdlog::info("ready admin={} generation={} version={}", facts().admin,
               control_->steering.snapshot()->generation, CUTWATER_VERSION);
  return 0;
}

// The file appears complete or not at all: scripts wait for it and read it at once.
std::string Assembly::write_ready_file() const {
  if (options_.ready_file.empty()) return {};
  const ProxyFacts now = facts();
  json::object listeners;
  for (const auto& [name, address] : now.listeners) listeners[name] = address;
  json::object ready{{"listeners", std::move(listeners)}, {"admin", now.admin}, {"pid", getpid()}};
  if (!now.probes.empty()) ready["probes"] = now.probes;
  const std::string draft = options_.ready_file + ".new";
  std::ofstream(draft) << to_text(ready) << "\n";
  std::error_code error;
  std::filesystem::rename(draft, options_.ready_file, error);
  return error ? "cannot write " + options_.ready_file + ": " + error.message() : "";
}

Awaitable<void> Assembly::tick() {
  certificates_.tick();
  if (const auto line = taken_fields_.due(Clock::now(), workers_->totals().claims_taken))
    spdlog::warn("{}", *line);
  co_await control_->clock.tick();
  fitness_->tick();
}

void Assembly::update_probes() {
  std::vector<health::Target> targets;
  for (const auto& service : control_->services.config().services)
    for (const auto& version : service.versions)
      for (const auto& endpoint : publisher_->endpoints(service.name, version.name))
        targets.push_back({service.name, version.name, endpoint, service.health});
  prober_->update(std::move(targets));
}

void Assembly::close() {
  control_->proxy.set_ready(false);
  if (prober_) prober_->stop();
  if (notifier_) notifier_->stop();
  if (historian_) historian_->stop();
  if (admin_) admin_->stop();
  workers_->stop();
  store_->finish();  // joins: nobody posts to the context any more
  control_->steering.stop();
  context_.restart();
  context_.poll();  // lets sessions and waiters end in order
  store_.reset();   // they may have asked it once more
}

}  // namespace cutwater::control
