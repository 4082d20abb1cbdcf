// Implements cutwater unlock SERVICE VERSION: it lifts the lock-out that a rollback or a drain put
// on a version.
#include "control/cli/commands.hpp"

namespace cutwater::cli {

void add_unlock(CLI::App& parent, Context& context) {
  auto* command =
      parent.add_subcommand("unlock", "Let a rolled back or drained version have traffic again");
  auto service = std::make_shared<std::string>();
  auto version = std::make_shared<std::string>();
  command->add_option("service", *service)->required();
  command->add_option("version", *version)->required();
  command->callback([service, version, &context] {
    const auto answer =
        context.client().post(version_path(*service, *version) + ":unlock", {}).body;
    if (context.json()) {
      context.print(answer);
    } else {
      context.say(*version + " of " + *service + " is unlocked");
    }
  });
}

}  // namespace cutwater::cli
