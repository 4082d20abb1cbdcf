#include "control/app.hpp"

#include <sched.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "control/admin/server.hpp"
#include "control/autopilot/fitness_watch.hpp"
#include "control/base/json_text.hpp"
#include "control/health/prober.hpp"
#include "control/history/historian.hpp"
#include "control/metrics/metrics_source.hpp"
#include "control/notify/notifier.hpp"
#include "control/snapshot/certificates.hpp"
#include "control/steering/steering.hpp"
#include "proxy/net/descriptor_limit.hpp"
#include "proxy/worker/worker_group.hpp"

namespace cutwater::control {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr auto kMostDrainSpread = std::chrono::seconds(2);

// One per core this process may use.
unsigned usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

class WorkerPlane : public DataPlane {
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

int listen_failure(const std::string& message) {
  const bool taken = message.find("in use") != std::string::npos;
  return fail(taken ? kExitPortInUse : 1, message);
}

void log_refused_reload(const Reply& reply) {
  if (reply.status < 400) return;
  spdlog::error("reload refused, the running configuration stays");
  const auto* problems = reply.body.as_object().if_contains("problems");
  if (problems == nullptr)
    return spdlog::error("{}", std::string(reply.body.at("detail").as_string()));
  for (const auto& problem : problems->as_array())
    spdlog::error("{}:{}:{}: {}", std::string(problem.at("file").as_string()),
                  problem.at("line").as_int64(), problem.at("column").as_int64(),
                  std::string(problem.at("message").as_string()));
}

// The parts of a running proxy, in the order they are made.
class App {
 public:
  explicit App(const RunOptions& options) : options_(options) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) signals_.add(number);
  }
  int run();

 private:
  int open();   // 0, or an exit code with its message on stderr
  int serve();  // binds and starts; same
  int close();
  void open_history(const std::vector<OpenTopic>& incidents, notify::Surroundings surroundings);
  ControllerSetup controller_setup(Restored restored);
  std::string write_ready_file() const;
  ProxyFacts facts() const;
  void watch_signals();
  void on_signal(int number);
  void begin_drain();
  void stop_accepting();
  void request_reload();
  asio::awaitable<void> run_reloads();
  asio::awaitable<void> run_ticks();
  asio::awaitable<void> run_history();
  asio::awaitable<void> run_comparisons();
  void update_probes();
  void on_health(const health::Target& target, bool healthy, const std::string& why);

  const RunOptions& options_;
  config::Config config_;
  config::Operations operations_;
  Change start_change_;
  Certificates certificates_;
  std::unique_ptr<AsyncStore> store_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<worker::WorkerGroup> group_;
  std::unique_ptr<WorkerPlane> plane_;
  std::unique_ptr<ControllerImpl> controller_;
  // Below the controller: what still waits in it is destroyed first.
  asio::io_context context_{1};
  asio::signal_set signals_{context_};
  asio::steady_timer drain_timer_{context_};
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<Historian> historian_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<health::HealthProber> prober_;
  std::unique_ptr<FitnessWatch> fitness_;
  bool draining_ = false;
  bool reloading_ = false;
  bool reload_again_ = false;
};

int App::open() {
  config::Parsed parsed = config::load(options_.config_path);
  if (!parsed.problems.empty()) return refuse(parsed.problems);
  config_ = std::move(*parsed.config);
  operations_ = std::move(parsed.operations);
  if (config_.workers == 0) config_.workers = usable_cores();

  if (const auto problem = net::make_room(config_.limits.connections); !problem.empty())
    return fail(2, problem);
  auto store = Store::open(config_.state_dir);
  if (store.has_error()) return fail(exit_code(store.error()), store.error().message);
  const std::int64_t wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count();
  const auto resolves = [resolve = system_resolver()](const config::Endpoint& endpoint) {
    return std::holds_alternative<SocketAddress>(resolve(endpoint.address));
  };
  Restored restored =
      restore(config_, options_.config_path, (*store)->loaded(), {Clock::now(), wall_ms}, resolves);
  if (!restored.problems.empty()) return refuse(restored.problems);
  const Resolution resolution =
      resolve_endpoints(restored.config, options_.config_path, system_resolver(), {});
  if (!resolution.problems.empty()) {
    tell_of_versions(restored);
    return refuse(resolution.problems);
  }

  const auto incidents = (*store)->open_topics();
  if (incidents.has_error()) return fail(exit_code(incidents.error()), incidents.error().message);
  // Incidents end under the name they began with; a container's host name does not last.
  notify::Surroundings surroundings = notify::real_surroundings();
  const auto known = (*store)->note("source");
  if (known.has_value() && known->empty())
    static_cast<void>((*store)->put_note("source", surroundings.source, {}));
  else if (known.has_value())
    surroundings.source = *known;

  if (const auto problems = certificates_.load(config_.listeners, options_.config_path);
      !problems.empty())
    return refuse(problems);

  start_change_ = restored.change;
  publisher_ = std::make_unique<Publisher>(config_.workers, (*store)->loaded().cookie_key);
  const auto keys = (*store)->note(kCookieKeysNote);
  if (keys.has_error()) return fail(exit_code(keys.error()), keys.error().message);
  publisher_->cookie_keys().restore(*keys);
  publisher_->adopt(restored.config, resolution);
  store_ = std::make_unique<AsyncStore>(std::move(*store));
  open_history(*incidents, std::move(surroundings));
  worker::Options workers{config_.workers, config_.listeners, config_.limits, config_.access_log};
  workers.drain_spread = std::min<config::Duration>(config_.drain_timeout / 4, kMostDrainSpread);
  workers.drain_timeout = config_.drain_timeout;
  workers.tls = certificates_.contexts();
  group_ = std::make_unique<worker::WorkerGroup>(std::move(workers));
  certificates_.on_new(
      [this](std::size_t listener, auto tls) { group_->switch_tls(listener, std::move(tls)); });
  plane_ = std::make_unique<WorkerPlane>(*group_);
  controller_ = std::make_unique<ControllerImpl>(context_, *store_, *plane_, *publisher_,
                                                 controller_setup(std::move(restored)));
  return 0;
}

void App::open_history(const std::vector<OpenTopic>& incidents, notify::Surroundings surroundings) {
  const auto wall_ms = surroundings.wall_ms;
  notifier_ = std::make_unique<notify::Notifier>(context_, *store_, std::move(surroundings));
  notifier_->set_open(incidents);
  notifier_->adopt(operations_);
  historian_ = std::make_unique<Historian>(*store_, *notifier_, wall_ms);
  historian_->adopt(operations_);
}

ControllerSetup App::controller_setup(Restored restored) {
  ControllerSetup setup;
  setup.config = config_;
  setup.operations = operations_;
  setup.config_path = options_.config_path;
  setup.restored = std::move(restored);
  setup.load = [this, workers = config_.workers] {
    config::Parsed parsed = config::load(options_.config_path);
    if (!parsed.config) return parsed;
    // "auto" was settled at start; the same word must not look like another number.
    if (parsed.config->workers == 0) parsed.config->workers = workers;
    parsed.problems = certificates_.check(parsed.config->listeners, options_.config_path);
    if (!parsed.problems.empty()) parsed.config.reset();
    return parsed;
  };
  setup.on_drain = [this] { asio::post(context_, [this] { begin_drain(); }); };
  setup.on_published = [this] { update_probes(); };
  setup.on_reloaded = [this] {
    certificates_.adopt();
    notifier_->adopt(controller_->current_operations());
    historian_->adopt(controller_->current_operations());
    asio::co_spawn(context_, keep(publisher_->cookie_keys(), *store_), asio::detached);
  };
  setup.before_write = [this](Change& change) { notifier_->before_write(change); };
  setup.after_write = [this](const Change& change) {
    notifier_->after_write(change);
    historian_->written(change);
  };
  setup.historian = historian_.get();
  setup.notifier = notifier_.get();
  setup.facts = [this] { return facts(); };
  return setup;
}

ProxyFacts App::facts() const {
  ProxyFacts out;
  for (const auto& listener : group_->listeners())
    out.listeners.emplace_back(listener.name, to_string(listener.address));
  out.admin = config_.admin.unix_path.empty() ? to_string(admin_->address())
                                              : "unix:" + config_.admin.unix_path;
  out.workers = config_.workers;
  return out;
}

int App::serve() {
  if (const std::string error = group_->start(controller_->snapshot()); !error.empty())
    return listen_failure(error);
  admin_ = std::make_unique<AdminServer>(context_, config_.admin, *controller_, [this] {
    MetricsInput input = collect_metrics(*controller_, group_->totals(), Clock::now());
    add_history(input, *historian_);
    input.certificates = certificates_.facts();
    return render_metrics(input);
  });
  if (const std::string error = admin_->start(); !error.empty()) return listen_failure(error);
  prober_ = std::make_unique<health::HealthProber>(
      context_, [this](const health::Target& target, bool healthy, const std::string& why) {
        on_health(target, healthy, why);
      });
  update_probes();
  watch_signals();
  asio::co_spawn(context_, controller_->record_start(std::move(start_change_)), asio::detached);
  asio::co_spawn(context_, keep(publisher_->cookie_keys(), *store_), asio::detached);
  asio::co_spawn(context_, run_ticks(), asio::detached);
  asio::co_spawn(context_, run_history(), asio::detached);
  asio::co_spawn(context_, run_comparisons(), asio::detached);
  fitness_ = std::make_unique<FitnessWatch>(context_, *controller_);
  fitness_->start();
  notifier_->start();
  controller_->set_ready(true);
  const std::string error = write_ready_file();
  if (!error.empty()) return fail(1, error);
  for (const auto& [name, address] : facts().listeners)
    spdlog::info("listening listener={} address={} workers={}", name, address, config_.workers);
  spdlog::info("ready admin={} generation={} version={}", facts().admin,
               controller_->snapshot()->generation, CUTWATER_VERSION);
  return 0;
}

// Appears complete or not at all: scripts wait for it and read it at once.
std::string App::write_ready_file() const {
  if (options_.ready_file.empty()) return {};
  const ProxyFacts now = facts();
  json::object listeners;
  for (const auto& [name, address] : now.listeners) listeners[name] = address;
  const std::string draft = options_.ready_file + ".new";
  std::ofstream(draft) << to_text(json::object{{"listeners", std::move(listeners)},
                                               {"admin", now.admin},
                                               {"pid", getpid()}})
                       << "\n";
  std::error_code error;
  std::filesystem::rename(draft, options_.ready_file, error);
  return error ? "cannot write " + options_.ready_file + ": " + error.message() : "";
}

// --- signals -------------------------------------------------------------------------------------

void App::watch_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    watch_signals();
    on_signal(number);
  });
}

void App::on_signal(int number) {
  if (number == SIGHUP) return request_reload();
  if (number == SIGUSR1) {
    return group_->reopen_access_log([](const std::string& problem) {
      if (problem.empty()) return spdlog::info("access log reopened");
      spdlog::error("access log not reopened: {}", problem);
    });
  }
  if (draining_) {
    spdlog::warn("second signal, stopping at once signal={}", number);
    return context_.stop();
  }
  begin_drain();
}

// Readiness fails first, so that the load balancer looks away while everything still works.
void App::begin_drain() {
  if (draining_) return;
  draining_ = true;
  controller_->set_ready(false);
  const config::Config& config = controller_->current_config();
  spdlog::info("draining notice_ms={} timeout_ms={}", config.drain_notice.count(),
               config.drain_timeout.count());
  drain_timer_.expires_after(config.drain_notice);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) stop_accepting();
  });
}

void App::stop_accepting() {
  drain_timer_.expires_after(controller_->current_config().drain_timeout);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    spdlog::warn("drain timeout, closing what is left");
    context_.stop();
  });
  group_->drain([this] {
    asio::post(context_, [this] {
      spdlog::info("drained");
      admin_->when_settled([this] { context_.stop(); });
    });
  });
}

// A hundred SIGHUPs in a moment are two reloads: the first at once, the last after it is quiet.
void App::request_reload() {
  if (draining_) return spdlog::warn("reload ignored, the proxy is draining");
  reload_again_ = true;
  if (!reloading_) asio::co_spawn(context_, run_reloads(), asio::detached);
}

asio::awaitable<void> App::run_reloads() {
  reloading_ = true;
  asio::steady_timer pause(context_);
  while (reload_again_) {
    reload_again_ = false;
    // Named: GCC 12 destroys a braced temporary in an await twice.
    const Actor actor{"SIGHUP", config::Role::Admin};
    const Reply reply = co_await controller_->reload(actor);
    log_refused_reload(reply);
    pause.expires_after(std::chrono::milliseconds(250));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  reloading_ = false;
}

// --- what goes on
// ----------------------------------------------------------------------------------

asio::awaitable<void> App::run_ticks() {
  asio::steady_timer timer(context_);
  for (auto next = Clock::now();;) {
    next = std::max(next + Seconds(1), Clock::now());
    timer.expires_at(next);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    certificates_.tick();
    co_await controller_->tick();
    fitness_->tick();
  }
}

// Beside the ticks: looking back over a month must not delay a step of now.
asio::awaitable<void> App::run_history() {
  asio::steady_timer timer(context_);
  for (;;) {
    timer.expires_after(Seconds(1));
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    co_await historian_->tick();
  }
}

asio::awaitable<void> App::run_comparisons() {
  asio::steady_timer timer(context_);
  for (;;) {
    timer.expires_after(std::chrono::milliseconds(100));
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    controller_->compare_guards();
  }
}

void App::update_probes() {
  std::vector<health::Target> targets;
  for (const auto& service : controller_->current_config().services)
    for (const auto& version : service.versions)
      for (const auto& endpoint : publisher_->endpoints(service.name, version.name))
        targets.push_back({service.name, version.name, endpoint, service.health});
  prober_->update(std::move(targets));
}

void App::on_health(const health::Target& target, bool healthy, const std::string& why) {
  asio::co_spawn(context_,
                 controller_->health_changed(
                     {target.service, target.version, target.endpoint->url()}, healthy, why),
                 asio::detached);
}

int App::close() {
  controller_->set_ready(false);
  if (prober_) prober_->stop();
  if (notifier_) notifier_->stop();
  if (historian_) historian_->stop();
  if (admin_) admin_->stop();
  group_->stop();
  store_->finish();  // joins: nobody posts to the context any more
  controller_->stop();
  context_.restart();
  context_.poll();  // lets sessions and waiters end in order
  store_.reset();   // they may have asked it once more
  return 0;
}

int App::run() {
  if (const int code = open(); code != 0) return code;
  int code = serve();
  if (code == 0) {
    context_.run();
    spdlog::info("stopped");
  }
  close();
  return code;
}

void set_up_process() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of that write, not our end
  auto logger = spdlog::get("cutwater");
  if (!logger) logger = spdlog::stderr_logger_mt("cutwater");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_default_logger(logger);
}

}  // namespace

int run_app(const RunOptions& options) {
  set_up_process();
  // From here on signals are kept until watch_signals() looks.
  App app(options);
  return app.run();
}

}  // namespace cutwater::control
