// Implements cutwater history: every shift of traffic, and who or what decided it; with --audit
// every call.
#include "control/cli/commands.hpp"

#include <optional>

#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

constexpr std::uint32_t kPage = 1000;

struct HistoryOptions {
  std::string service;
  std::string since;
  std::string action;
  std::string rollout;
  std::string actor;
  std::optional<std::uint64_t> after = {};
  std::uint32_t limit = 100;
  bool audit = false;
  bool lines = false;

  const char* list() const { return audit ? "audit" : "decisions"; }
  // Filters here what the server cannot filter.
  bool wants(const json::value& entry) const {
    const auto same = [&](const std::string& wanted, std::string_view name) {
      return wanted.empty() || wanted == text_of(entry, name);
    };
    return same(action, "action") && same(rollout, "rollout") && same(actor, "actor");
  }
};

std::string target_of(const HistoryOptions& options, std::optional<std::uint64_t> after,
                      std::uint32_t limit) {
  std::string target = std::string("/v1/") + options.list() + "?limit=" + std::to_string(limit);
  if (after) target += "&after=" + std::to_string(*after);
  if (!options.service.empty()) target += "&service=" + escaped(options.service);
  if (!options.since.empty()) target += "&since=" + escaped(options.since);
  return target;
}

// Exports all of the history, oldest first, one object per line, a page at a time.
void export_lines(const HistoryOptions& options, Context& context) {
  const AdminClient client = context.client();
  std::uint64_t after = options.after.value_or(0);
  while (true) {
    const json::value answer = client.get(target_of(options, after, kPage)).body;
    const auto entries = list_of(member(answer, options.list()));
    for (const auto& entry : entries) {
      if (options.wants(entry)) context.print(entry);
      after = static_cast<std::uint64_t>(number_of(entry, "seq").value_or(0));
    }
    if (entries.size() < kPage) return;
  }
}

void print_decisions(const HistoryOptions& options, const json::value& answer, Context& context) {
  Table table({{"SEQ", Ink::Plain, true},
               {"TIME"},
               {"SERVICE"},
               {"ACTION"},
               {"CAUSE"},
               {"ACTOR"},
               {"WEIGHTS AFTER"},
               {"REASON"}});
  for (const auto& decision : list_of(member(answer, "decisions"))) {
    if (!options.wants(decision)) continue;
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
  table.print(context.io, context.colour());
}

void print_audit(const HistoryOptions& options, const json::value& answer, Context& context) {
  Table table({{"SEQ", Ink::Plain, true},
               {"TIME"},
               {"ACTOR"},
               {"ROLE"},
               {"CALL"},
               {"STATUS", Ink::Plain, true},
               {"BEFORE"},
               {"AFTER"},
               {"REQUEST"}});
  for (const auto& entry : list_of(member(answer, "audit"))) {
    if (!options.wants(entry)) continue;
    const auto status = number_of(entry, "status");
    table.add({{short_number(number_of(entry, "seq"), 0), Ink::Quiet, true},
               {text_of(entry, "time")},
               {text_of(entry, "actor"), Ink::Bold},
               {text_of(entry, "role")},
               {text_of(entry, "method") + " " + text_of(entry, "path")},
               {short_number(status, 0), status >= 400 ? Ink::Bad : Ink::Good, true},
               {weights_text(member(member(entry, "before"), "weights"))},
               {weights_text(member(member(entry, "after"), "weights"))},
               {text_of(entry, "request_id"), Ink::Quiet}});
  }
  table.print(context.io, context.colour());
}

void history(const HistoryOptions& options, Context& context) {
  if (options.lines) return export_lines(options, context);
  const json::value answer =
      context.client().get(target_of(options, options.after, options.limit)).body;
  if (context.json())
    context.print(answer);
  else if (options.audit)
    print_audit(options, answer, context);
  else
    print_decisions(options, answer, context);
}

}  // namespace

void add_history(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("history", "Every shift: cause, actor, weights");
  auto options = std::make_shared<HistoryOptions>();
  command->add_option("service,--service", options->service, "Only this service");
  command->add_option("--since", options->since, "Such as 2h, 7d or 2026-11-23T10:00:00Z");
  command->add_option("--action", options->action, "Only this action, such as rolled_back");
  command->add_option("--rollout", options->rollout, "Only of this rollout");
  command->add_option("--actor", options->actor, "Only by this person, script or cutwater itself");
  command->add_option("--after", options->after,
                      "Only what came after this number; 0: from the beginning");
  command->add_option("--limit", options->limit, "At most this many (100)")
      ->check(CLI::Range(1, 1000));
  command->add_flag("--audit", options->audit, "Every call that changed something or tried to");
  command->add_flag("--json", options->lines, "Export: all of it, one JSON object per line");
  command->callback([options, &context] { history(*options, context); });
}

}  // namespace cutwater::cli
