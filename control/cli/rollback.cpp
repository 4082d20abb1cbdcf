// Implements cutwater rollback SERVICE: back to the last known-good version, now.
#include "control/cli/commands.hpp"

namespace cutwater::cli {

void add_rollback(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("rollback", "Back to the last known-good version, now");
  auto service = std::make_shared<std::string>();
  auto reason = std::make_shared<std::string>();
  command->add_option("service", *service)->required();
  command->add_option("--reason", *reason, "Kept in the history");
  command->callback([service, reason, &context] {
    boost::json::object body;
    if (!reason->empty()) body["reason"] = *reason;
    const auto answer =
        context.client().post("/v1/services/" + escaped(*service) + ":rollback", body).body;
    if (context.json()) {
      context.print(answer);
    } else {
      const std::string weights = weights_text(member(answer, "weights"));
      context.say(*service + " rolled back" + (weights.empty() ? "" : ": " + weights));
    }
  });
}

}  // namespace cutwater::cli
