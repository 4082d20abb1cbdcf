// cutwater history: every shift of traffic and who or what decided it.
#include <optional>

#include "control/cli/commands.hpp"
#include "control/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct Options {
  std::string service;
  std::optional<std::uint64_t> after = {};
  std::uint32_t limit = 100;
};

void history(const Options& options, Context& context) {
  std::string target = "/v1/decisions?limit=" + std::to_string(options.limit);
  if (options.after) target += "&after=" + std::to_string(*options.after);
  if (!options.service.empty()) target += "&service=" + escaped(options.service);
  const json::value answer = context.client().get(target).body;
  if (context.json()) {
    context.print(answer);
    return;
  }
  Table table({{"SEQ", Ink::Plain, true},
               {"TIME"},
               {"SERVICE"},
               {"ACTION"},
               {"CAUSE"},
               {"ACTOR"},
               {"WEIGHTS AFTER"},
               {"REASON"}});
  for (const auto& decision : list_of(member(answer, "decisions"))) {
    const std::string action = text_of(decision, "action");
    table.add({{short_number(number_of(decision, "seq"), 0), Ink::Quiet, true},
               {text_of(decision, "time")},
               {text_of(decision, "service")},
               {action, ink_of(action)},
               {text_of(decision, "cause")},
               {text_of(decision, "actor")},
               {weights_text(member(member(decision, "after"), "weights"))},
               {text_of(decision, "reason")}});
  }
  table.print(context.io.out, context.colour());
}

}  // namespace

void add_history(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("history", "Every shift: cause, actor, weights");
  auto options = std::make_shared<Options>();
  command->add_option("service", options->service, "Only this service");
  command->add_option("--after", options->after,
                      "Only what came after this number; 0: from the beginning");
  command->add_option("--limit", options->limit, "At most this many (100)")
      ->check(CLI::Range(1, 1000));
  command->callback([options, &context] { history(*options, context); });
}

}  // namespace cutwater::cli
