// Implements cutwater weights SERVICE [blue=95 green=5]: it shows or sets the split.
#include "control/cli/commands.hpp"

#include "config/share.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct WeightsOptions {
  std::string service;
  std::vector<std::string> assignments;
  std::string if_match;
  std::string ttl;
  bool force = false;
  bool over_capacity = false;
  bool dry_run = false;
};

// Reads "green=5" or "green=5%", with the same strict decimals as in the configuration.
void assign(json::object& body, const std::string& text) {
  const std::size_t equals = text.find('=');
  std::string share = equals == text.npos ? "" : text.substr(equals + 1);
  if (!share.ends_with('%')) share += '%';
  const auto parsed = parse_share(share);
  if (equals == 0 || !parsed) {
    throw Failure(kUsage, "'" + text + "' is no weight; write VERSION=PERCENT such as green=5");
  }
  if (body.contains(text.substr(0, equals))) {
    throw Failure(kUsage, "the weight of " + text.substr(0, equals) + " is given twice");
  }
  body[text.substr(0, equals)] = control::number(parsed->as_percent());
}

void print_weights(const json::value& answer, Context& context) {
  if (context.json()) {
    context.print(answer);
    return;
  }
  Table table({{"VERSION"}, {"WEIGHT", Ink::Plain, true}});
  if (const auto* weights = member(answer, "weights").if_object()) {
    for (const auto& [version, share] : *weights) {
      table.add({{std::string(version), Ink::Bold},
                 {percent_text(number_of(member(answer, "weights"), version)), Ink::Plain, true}});
    }
  }
  table.print(context.io, context.colour());
  if (const json::value& lease = member(answer, "lease"); lease.is_object()) {
    context.io.out << "until " << text_of(lease, "expires") << ", then "
                   << weights_text(member(lease, "falls_back_to")) << "\n";
  }
  context.io.out << "generation " << short_number(number_of(answer, "generation"), 0) << "\n";
}

void weights(const WeightsOptions& options, Context& context) {
  const AdminClient client = context.client();
  const std::string target = "/v1/services/" + escaped(options.service) + "/weights";
  if (options.assignments.empty()) {
    print_weights(client.get(target).body, context);
    return;
  }
  json::object body;
  for (const auto& assignment : options.assignments) assign(body, assignment);
  if (!options.ttl.empty()) body["ttl"] = options.ttl;
  if (options.over_capacity) body["force"] = true;
  std::string tag = options.force ? "*" : "\"" + options.if_match + "\"";
  // Without a generation from the caller, another writer between this and the PUT wins, and we say
  // so instead of overwriting the change.
  if (!options.force && options.if_match.empty()) tag = client.get(target).etag;
  print_weights(client
                    .demand({.method = "PUT",
                             .target = target + (options.dry_run ? "?dry_run=true" : ""),
                             .body = control::to_text(body),
                             .headers = {{"If-Match", tag}}})
                    .body,
                context);
}

}  // namespace

void add_weights(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("weights", "Show or set the split of a service");
  auto options = std::make_shared<WeightsOptions>();
  command->add_option("service", options->service)->required();
  command->add_option("weights", options->assignments, "VERSION=PERCENT ..., together 100");
  auto* if_match = command->add_option("--if-match", options->if_match,
                                       "Only if this is still the generation (else exit 8)");
  command->add_flag("--over-capacity", options->over_capacity,
                    "Also when the healthy endpoints cannot carry it");
  command->add_flag("--force", options->force, "Whatever the generation")->excludes(if_match);
  command->add_option("--ttl", options->ttl, "Fall back after this time, such as 15m");
  command->add_flag("--dry-run", options->dry_run, "Show what would be, change nothing");
  command->callback([options, &context] { weights(*options, context); });
}

}  // namespace cutwater::cli
