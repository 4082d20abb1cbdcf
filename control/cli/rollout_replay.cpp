// Implements cutwater rollout replay, which says what other limits would have made of a recorded
// rollout, asked of the proxy or worked out here from a file; and rollout record, which makes such
// a file.
#include "control/cli/commands.hpp"

#include <fstream>
#include <iterator>

#include "control/base/json_text.hpp"
#include "control/rollout/replay.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct ReplayOptions {
  std::string rollout;
  std::string file;
  std::string error_rate, p95, p95_critical, false_rollback, relative_tolerance;
  std::optional<bool> relative;
};

constexpr const char* kReplayExits =
    "Exit codes: 0 would have passed, or nothing was found against it; 3 would have been rolled\n"
    "back; 7 no decision possible (no traffic); 2 and above 7 as everywhere.";

json::object changed_guards(const ReplayOptions& options) {
  json::object body;
  const auto add = [&](const char* member, const std::string& text) {
    if (!text.empty()) body[member] = text;
  };
  add("error_rate", options.error_rate);
  add("p95", options.p95);
  add("p95_critical", options.p95_critical);
  add("false_rollback", options.false_rollback);
  add("relative_tolerance", options.relative_tolerance);
  if (options.relative) body["relative"] = *options.relative;
  return body;
}

// Does the same without a proxy.
json::value replay_file(const ReplayOptions& options) {
  std::ifstream in(options.file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  if (!in.is_open() || in.bad()) throw Failure(kUsage, "cannot read " + options.file);
  boost::system::error_code error;
  const json::value record = json::parse(text, error);
  auto asked = error ? std::nullopt : control::case_from_record(record);
  if (!asked)
    throw Failure(kUsage, options.file +
                              " is no record of a rollout; `cutwater rollout record ID` "
                              "prints one");
  if (const auto refused = control::change_guards(changed_guards(options), *asked))
    throw Failure(kUsage, text_of(refused->body, "detail"));
  return control::replay_view(*asked, control::replay(*asked));
}

// If nothing was recorded, that is "no decision" rather than a conflict of two people.
const AdminResponse& recorded(const AdminResponse& answer) {
  if (answer.status == 409) throw Failure(kInconclusive, text_of(answer.body, "detail"));
  if (answer.status >= 400) fail_with_problem(answer);
  return answer;
}

json::value replay_by_proxy(const ReplayOptions& options, const Context& context) {
  const AdminClient client = context.client();
  const std::string id = find_rollout(client, options.rollout);
  const AdminRequest request{.method = "POST",
                             .target = "/v1/rollouts/" + escaped(id) + ":replay",
                             .body = control::to_text(changed_guards(options))};
  return recorded(client.ask(request)).body;
}

std::string share_text(std::optional<double> ratio) {
  return ratio ? percent_text(*ratio * 100) : percent_text(std::nullopt);
}

// Writes "1274.4 / 400".
std::string evidence_ratio(const json::value& guard) {
  return evidence_text(number_of(guard, "e_value")) + " / " +
         short_number(number_of(guard, "alarm_at"), 0);
}

void print_guards(const json::value& replay, const Context& context) {
  Table table({{"GUARD"},
               {"VERDICT"},
               {"FAILED"},
               {"BAD", Ink::Plain, true},
               {"OF", Ink::Plain, true},
               {"RATE", Ink::Plain, true},
               {"LIMIT", Ink::Plain, true},
               {"E-VALUE / THRESHOLD", Ink::Plain, true}});
  for (const auto& guard : list_of(member(replay, "guards"))) {
    const std::string verdict = text_of(guard, "verdict");
    const std::string failed = text_of(member(guard, "failed"), "time");
    const auto bad = number_of(guard, "bad");
    const auto all = bad ? std::optional(*bad + number_of(guard, "good").value_or(0)) : bad;
    table.add({{text_of(guard, "name"), Ink::Bold},
               {verdict, ink_of(verdict)},
               {failed.empty() ? short_number(std::nullopt, 0) : failed},
               {short_number(bad, 0), Ink::Plain, true},
               {short_number(all, 0), Ink::Plain, true},
               {share_text(number_of(guard, "rate")), Ink::Plain, true},
               {share_text(number_of(guard, "threshold_rate")), Ink::Plain, true},
               {evidence_ratio(guard), Ink::Plain, true}});
  }
  table.print(context.io, context.colour());
}

void print_steps(const json::value& replay, const Context& context) {
  Table table({{"STEP", Ink::Plain, true},
               {"WEIGHT", Ink::Plain, true},
               {"BEGAN"},
               {"REQUESTS", Ink::Plain, true},
               {"ERRORS", Ink::Plain, true},
               {"VERDICT"},
               {"PROVEN"}});
  for (const auto& step : list_of(member(replay, "steps"))) {
    const std::string verdict = text_of(step, "verdict");
    const std::string proven = text_of(step, "proven");
    table.add({{short_number(number_of(step, "step"), 0), Ink::Plain, true},
               {percent_text(number_of(step, "weight")), Ink::Plain, true},
               {text_of(step, "began")},
               {short_number(number_of(step, "requests"), 0), Ink::Plain, true},
               {short_number(number_of(step, "errors"), 0), Ink::Plain, true},
               {verdict, ink_of(verdict)},
               {proven.empty() ? short_number(std::nullopt, 0) : proven}});
  }
  table.print(context.io, context.colour());
}

void print_replay(const json::value& replay, const Context& context) {
  if (context.json()) return context.print(replay);
  std::ostream& out = context.io.out;
  out << text_of(replay, "rollout") << "  " << text_of(replay, "service") << ": "
      << text_of(replay, "from") << " -> " << text_of(replay, "to") << "\n"
      << text_of(replay, "summary") << "\n\n";
  print_guards(replay, context);
  out << "\n";
  print_steps(replay, context);
  out << "\n";
  if (const auto* notes = member(replay, "notes").if_array())
    for (const auto& note : *notes)
      if (const auto* text = note.if_string()) out << "note: " << std::string_view(*text) << "\n";
}

void replay_command(const ReplayOptions& options, Context& context) {
  if (options.rollout.empty() == options.file.empty())
    throw Failure(kUsage, "name a service or rollout, or a --file");
  const json::value replay =
      options.file.empty() ? replay_by_proxy(options, context) : replay_file(options);
  print_replay(replay, context);
  const std::string outcome = text_of(replay, "outcome");
  context.exit_code = outcome == "rolled_back"  ? kRolledBack
                      : outcome == "no_traffic" ? kInconclusive
                                                : kSucceeded;
}

}  // namespace

void add_replay(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand(
      "replay", "What other limits would have made of a rollout, from what was recorded of it");
  auto options = std::make_shared<ReplayOptions>();
  command->add_option("rollout", options->rollout, "Service or rollout id");
  command->add_option("--error-rate", options->error_rate, "Such as 2%");
  command->add_option("--p95", options->p95, "Such as 800ms");
  command->add_option("--p95-critical", options->p95_critical, "Such as 2s");
  command->add_option("--false-rollback", options->false_rollback,
                      "Chance of reverting a healthy version, such as 1%");
  command->add_option("--relative-tolerance", options->relative_tolerance,
                      "So much worse than the old version is no failure, such as 50%");
  const auto compare = [&](const char* flag, bool relative, const char* help) {
    return command->add_flag_callback(
        flag, [options = options.get(), relative] { options->relative = relative; }, help);
  };
  auto* with = compare("--relative", true, "Compare with the old version");
  compare("--no-relative", false, "Do not compare with the old version")->excludes(with);
  command->add_option("--file", options->file,
                      "What `rollout record` printed, instead of asking the proxy");
  command->footer(kReplayExits);
  command->callback([options, &context] { replay_command(*options, context); });

  auto* record = parent.add_subcommand("record", "Print what was recorded of a rollout, as JSON");
  auto name = std::make_shared<std::string>();
  record->add_option("rollout", *name, "Service or rollout id")->required();
  record->callback([name, &context] {
    const AdminClient client = context.client();
    const std::string id = find_rollout(client, *name);
    context.print(recorded(client.ask({.target = "/v1/rollouts/" + escaped(id) + "/record"})).body);
  });
}

}  // namespace cutwater::cli
