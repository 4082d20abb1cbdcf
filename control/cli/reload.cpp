// Implements cutwater reload: it reads the configuration again, and uses all of it or nothing.
#include "control/cli/commands.hpp"

namespace cutwater::cli {

void add_reload(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("reload", "Read the configuration file again");
  command->callback([&context] {
    const auto answer = context.client().post("/v1/config:reload", {}).body;
    if (context.json()) {
      context.print(answer);
    } else {
      context.say("configuration reloaded, generation " +
                  short_number(number_of(answer, "generation"), 0));
    }
  });
}

}  // namespace cutwater::cli
