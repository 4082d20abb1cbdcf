// Implements cutwater drain SERVICE VERSION, which stops sending a version new requests, for
// maintenance; and cutwater drain --proxy, which finishes what is in flight and exits, like
// SIGTERM.
#include "control/cli/commands.hpp"

#include <thread>

#include "config/units.hpp"

namespace cutwater::cli {
namespace {

struct DrainOptions {
  bool proxy = false;
  std::string service, version;
  bool wait = false;
  std::string timeout = "5m";
};

void drain_proxy(Context& context) {
  const auto answer = context.client().post("/v1/proxy:drain", {}).body;
  if (context.json())
    context.print(answer);
  else
    context.say("the proxy drains");
}

std::string under_way(const boost::json::value& version) {
  return short_number(number_of(version, "active"), 0) + " requests or tunnels";
}

}  // namespace

boost::json::value drain_version(const AdminClient& client, const std::string& service,
                                 const std::string& version,
                                 std::optional<std::chrono::milliseconds> wait) {
  using std::chrono::steady_clock;
  const auto until = steady_clock::now() + wait.value_or(std::chrono::milliseconds(0));
  const std::string place = version_path(service, version);
  auto state = client.post(place + ":drain", {}).body;
  while (wait && !is_true(state, "drained")) {
    if (steady_clock::now() >= until)
      throw Failure(kStillGoing, version + " still has " + under_way(state) + " after " +
                                     config::to_string(*wait));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    state = client.get(place).body;
  }
  return state;
}

void add_drain(CLI::App& parent, Context& context) {
  auto* command =
      parent.add_subcommand("drain", "Send a version, or the whole proxy, nothing more");
  auto options = std::make_shared<DrainOptions>();
  auto* service = command->add_option("service", options->service);
  auto* version = command->add_option("version", options->version,
                                      "Its share goes to the stable version, until `unlock`");
  service->needs(version);
  command->add_flag("--wait", options->wait, "Until nothing is under way there any more");
  command->add_option("--timeout", options->timeout, "With --wait: exit 5 after this (5m)");
  command
      ->add_flag("--proxy", options->proxy,
                 "The whole proxy: finishes what is under way, then stops, like SIGTERM")
      ->excludes(service);
  command->callback([options, &context] {  // CLI11 writes to `options`, so keep it alive
    if (options->proxy) return drain_proxy(context);
    if (options->service.empty())
      throw Failure(kUsage, "drain what? Give SERVICE VERSION, or --proxy");
    const auto timeout = timeout_of(options->timeout);
    const auto wait = options->wait ? std::optional(timeout) : std::nullopt;
    const auto left = drain_version(context.client(), options->service, options->version, wait);
    if (context.json()) return context.print(left);
    context.say(options->version + " of " + options->service +
                (is_true(left, "drained")
                     ? " is drained"
                     : " gets nothing more; " + under_way(left) + " are under way"));
  });
}

}  // namespace cutwater::cli
