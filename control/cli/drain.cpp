// cutwater drain --proxy: finish what is in flight and exit, like SIGTERM.
#include "control/cli/commands.hpp"

namespace cutwater::cli {

void add_drain(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("drain", "Finish what is in flight, then stop");
  auto proxy = std::make_shared<bool>(false);
  command->add_flag("--proxy", *proxy, "The whole proxy: like SIGTERM")->required();
  command->callback([proxy, &context] {  // CLI11 writes to `proxy`: keep it alive
    const auto answer = context.client().post("/v1/proxy:drain", {}).body;
    if (context.json()) {
      context.print(answer);
    } else {
      context.say("the proxy drains");
    }
  });
}

}  // namespace cutwater::cli
