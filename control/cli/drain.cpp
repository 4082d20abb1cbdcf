// cutwater drain SERVICE VERSION: send a version nothing more, for maintenance.
// cutwater drain --proxy: finish what is in flight and exit, like SIGTERM.
#include <thread>

#include "control/cli/commands.hpp"

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

void drain_version(const DrainOptions& options, Context& context) {
  const auto until = std::chrono::steady_clock::now() + timeout_of(options.timeout);
  const std::string place =
      "/v1/services/" + escaped(options.service) + "/versions/" + escaped(options.version);
  auto version = context.client().post(place + ":drain", {}).body;
  while (options.wait && !is_true(version, "drained")) {
    if (std::chrono::steady_clock::now() >= until)
      throw Failure(kStillGoing, options.version + " still has " + under_way(version) + " after " +
                                     options.timeout);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    version = context.client().get(place).body;
  }
  if (context.json()) return context.print(version);
  context.say(options.version + " of " + options.service +
              (is_true(version, "drained")
                   ? " is drained"
                   : " gets nothing more; " + under_way(version) + " are under way"));
}

}  // namespace

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
  command->callback([options, &context] {  // CLI11 writes to `options`: keep it alive
    if (options->proxy) return drain_proxy(context);
    if (options->service.empty())
      throw Failure(kUsage, "drain what? Give SERVICE VERSION, or --proxy");
    drain_version(*options, context);
  });
}

}  // namespace cutwater::cli
