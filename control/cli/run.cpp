// Implements cutwater run: the proxy itself.
#include "control/cli/commands.hpp"

#include "control/app.hpp"

namespace cutwater::cli {

void add_run(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("run", "Start the proxy");
  auto options = std::make_shared<control::RunOptions>();
  command->add_option("-c,--config", options->config_path, "Configuration file")->required();
  command->add_option("--ready-file", options->ready_file,
                      "Written once serving: ports and process id as JSON");
  command->footer(
      "SIGTERM drains, SIGHUP reads the configuration again, SIGUSR1 reopens the access log.\n"
      "Exit codes of its own: 11 port in use, 12 state directory unusable, 13 state held by\n"
      "another process, 14 state damaged or written by a newer version.");
  command->callback([options, &context] { context.exit_code = control::run_app(*options); });
}

}  // namespace cutwater::cli
