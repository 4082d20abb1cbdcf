// Implements cutwater check: it reports every problem of a configuration at once, without asking a
// proxy.
#include "control/cli/commands.hpp"

#include "config/parse.hpp"
#include "control/base/problems_json.hpp"
#include "control/snapshot/certificates.hpp"

namespace cutwater::cli {
namespace {

void check(const std::string& path, Context& context) {
  config::Parsed parsed = config::load(path);
  // The files that the configuration names must exist, too.
  if (parsed.config) {
    parsed.problems =
        control::Certificates().load(control::listeners_and_admin(*parsed.config), path);
    control::UpstreamContexts unused;
    for (auto& problem : control::load_upstream_tls(*parsed.config, path, unused))
      parsed.problems.push_back(std::move(problem));
  }
  context.exit_code = parsed.problems.empty() ? kSucceeded : kUsage;
  if (context.json()) {
    context.print({{"valid", parsed.problems.empty()},
                   {"problems", control::problems_json(parsed.problems)}});
    return;
  }
  for (const auto& problem : parsed.problems) context.io.out << config::to_string(problem) << "\n";
  if (parsed.problems.empty()) {
    context.io.err << path << ": fine, " << parsed.config->services.size() << " service(s)\n";
  } else {
    context.io.err << path << ": " << parsed.problems.size() << " problem(s)\n";
  }
}

}  // namespace

void add_check(CLI::App& parent, Context& context) {
  auto* command =
      parent.add_subcommand("check", "Check a configuration: exit 0, or 2 with all problems");
  auto path = std::make_shared<std::string>();
  command->add_option("-c,--config", *path, "Configuration file")->required();
  command->callback([path, &context] { check(*path, context); });
}

}  // namespace cutwater::cli
