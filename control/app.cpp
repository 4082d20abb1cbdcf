#include "control/app.hpp"

#include <signal.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>

#include "control/assembly.hpp"
#include "control/base/log_text.hpp"
#include "control/base/service_manager.hpp"

namespace cutwater::control {
namespace {

namespace asio = boost::asio;

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

// Handles signals, drain, reload on SIGHUP, and the loops that tick. It belongs to the main thread,
// which runs control's io_context.
class App {
 public:
  explicit App(const RunOptions& options)
      : assembly_(options, [this] { asio::post(assembly_.context(), [this] { begin_drain(); }); }) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) signals_.add(number);
  }
  int run();

 private:
  void watch_signals();
  void on_signal(int number);
  void begin_drain();
  void stop_accepting();
  void request_reload();
  asio::awaitable<void> run_reloads();
  asio::awaitable<void> run_ticks();
  asio::awaitable<void> run_history();
  asio::awaitable<void> run_comparisons();
  asio::awaitable<void> run_watchdog(std::chrono::microseconds pause);

  Assembly assembly_;
  asio::signal_set signals_{assembly_.context()};
  asio::steady_timer drain_timer_{assembly_.context()};
  ServiceManager service_manager_;
  bool draining_ = false;
  bool reloading_ = false;
  bool reload_again_ = false;
};

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
    return assembly_.workers().reopen_access_log([](const std::string& problem) {
      if (problem.empty()) return spdlog::info("access log reopened");
      spdlog::error("access log not reopened: {}", problem);
    });
  }
  if (draining_) {
    spdlog::warn("second signal, stopping at once signal={}", number);
    return assembly_.context().stop();
  }
  begin_drain();
}

// Readiness fails first, so that the load balancer looks away while everything still works.
void App::begin_drain() {
  if (draining_) return;
  draining_ = true;
  service_manager_.stopping();
  assembly_.control().proxy.set_ready(false);
  const config::Config& config = assembly_.control().services.config();
  spdlog::info("draining notice_ms={} timeout_ms={}", config.drain_notice.count(),
               config.drain_timeout.count());
  drain_timer_.expires_after(config.drain_notice);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) stop_accepting();
  });
}

void App::stop_accepting() {
  drain_timer_.expires_after(assembly_.control().services.config().drain_timeout);
  drain_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    spdlog::warn("drain timeout, closing what is left");
    assembly_.context().stop();
  });
  assembly_.workers().drain([this] {
    asio::post(assembly_.context(), [this] {
      spdlog::info("drained");
      assembly_.admin().when_settled([this] { assembly_.context().stop(); });
    });
  });
}

// A hundred SIGHUPs in a moment are two reloads: the first at once, the last after it is quiet.
void App::request_reload() {
  if (draining_) return spdlog::warn("reload ignored, the proxy is draining");
  reload_again_ = true;
  if (!reloading_) asio::co_spawn(assembly_.context(), run_reloads(), asio::detached);
}

asio::awaitable<void> App::run_reloads() {
  reloading_ = true;
  asio::steady_timer pause(assembly_.context());
  while (reload_again_) {
    reload_again_ = false;
    // This value has a name because GCC 12 destroys a braced temporary in an await twice.
    const Actor actor{"SIGHUP", config::Role::Admin};
    service_manager_.reloading();
    const Reply reply = co_await assembly_.control().configuration.reload(actor);
    log_refused_reload(reply);
    if (!draining_)
      service_manager_.ready(
          reply.status < 400 ? "serving" : "serving; the last reload was refused, see the log");
    pause.expires_after(std::chrono::milliseconds(250));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  reloading_ = false;
}

// --- what goes on --------------------------------------------------------------------------------

asio::awaitable<void> App::run_ticks() {
  asio::steady_timer timer(assembly_.context());
  for (auto next = Clock::now();;) {
    next = std::max(next + Seconds(1), Clock::now());
    timer.expires_at(next);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    co_await assembly_.tick();
  }
}

// This runs beside the ticks: looking back over a month must not delay a step of now.
asio::awaitable<void> App::run_history() {
  asio::steady_timer timer(assembly_.context());
  for (;;) {
    timer.expires_after(Seconds(1));
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    co_await assembly_.historian().tick();
  }
}

asio::awaitable<void> App::run_comparisons() {
  asio::steady_timer timer(assembly_.context());
  for (;;) {
    timer.expires_after(std::chrono::milliseconds(100));
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    assembly_.control().guards.compare();
  }
}

// Says that control's thread lives: nothing here may block it, so a silence is a fault.
asio::awaitable<void> App::run_watchdog(std::chrono::microseconds pause) {
  asio::steady_timer timer(assembly_.context());
  for (;;) {
    service_manager_.alive();
    timer.expires_after(pause);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
  }
}

int App::run() {
  if (const int code = assembly_.open(); code != 0) return code;
  const int code = assembly_.serve();
  if (code == 0) {
    watch_signals();
    asio::co_spawn(assembly_.context(), run_ticks(), asio::detached);
    asio::co_spawn(assembly_.context(), run_history(), asio::detached);
    asio::co_spawn(assembly_.context(), run_comparisons(), asio::detached);
    if (const auto pause = service_manager_.watchdog_pause())
      asio::co_spawn(assembly_.context(), run_watchdog(*pause), asio::detached);
    service_manager_.ready("serving");
    assembly_.context().run();
    spdlog::info("stopped");
  }
  assembly_.close();
  return code;
}

// Escapes whatever a line says: some of it was written by people, clients and other servers.
class LoggedText : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    constexpr std::size_t kMostLine = 8 * kMostLogText;
    const std::string text =
        log_text({message.payload.data(), message.payload.size()}, Quotes::Leave, kMostLine);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LoggedText>();
  }
};

// Memory holds tokens and private keys: other processes of the same user may not read it, and no
// core file is written. $CUTWATER_DEBUG=1 leaves both to the system, for debuggers and sanitizers.
void hide_memory() {
  const char* debug = std::getenv("CUTWATER_DEBUG");
  if (debug == nullptr || std::string_view(debug) != "1") prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void set_up_process() {
  hide_memory();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of that write, not our end
  auto logger = spdlog::get("cutwater");
  if (!logger) logger = spdlog::stderr_logger_mt("cutwater");
  auto format = std::make_unique<spdlog::pattern_formatter>();
  format->add_flag<LoggedText>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %*");
  logger->set_formatter(std::move(format));
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
