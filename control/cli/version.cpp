// Implements cutwater version: the version of this program, not of the proxy it talks to.
#include "control/cli/commands.hpp"

namespace cutwater::cli {

void add_version(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("version", "Print the version of this program");
  command->callback([&context] {
    if (context.json()) {
      context.print({{"version", CUTWATER_VERSION}});
    } else {
      context.io.out << "cutwater " << CUTWATER_VERSION << "\n";
    }
  });
}

}  // namespace cutwater::cli
