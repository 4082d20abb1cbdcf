// Implements cutwater rollout ...: start, look at and steer rollouts.
#include "control/cli/commands.hpp"

#include "config/units.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct StartOptions {
  std::string service;
  std::string to;
  std::string strategy;
  std::vector<std::string> steps;
  std::vector<std::string> approval;
  std::string bake;
  std::string max_step;
  std::string holdback;
  std::string keep_old;
  std::string on_inconclusive;
  std::uint64_t max_unavailable = 0;
  std::string commit_time;
  std::string idempotency_key;
  std::string timeout = "30m";
  bool retry = false;
  bool force = false;
  bool wait = false;
  bool dry_run = false;
};

json::array to_array(const std::vector<std::string>& words) {
  json::array array;
  for (const auto& word : words) array.emplace_back(word);
  return array;
}

json::object start_body(const StartOptions& options) {
  json::object body{{"to", options.to}};
  const auto add = [&](const char* member, const std::string& text) {
    if (!text.empty()) body[member] = text;
  };
  add("strategy", options.strategy);
  if (!options.steps.empty()) body["steps"] = to_array(options.steps);
  if (!options.approval.empty()) body["approval"] = to_array(options.approval);
  add("bake", options.bake);
  add("max_step", options.max_step);
  add("holdback", options.holdback);
  add("keep_old", options.keep_old);
  add("on_inconclusive", options.on_inconclusive);
  if (options.max_unavailable > 0) body["max_unavailable"] = options.max_unavailable;
  if (options.retry) body["retry"] = true;
  if (options.force) body["force"] = true;
  add("commit_time", options.commit_time);
  return body;
}

// What a rollout would do, step by step.
void print_plan(const Context& context, const json::value& rollout) {
  if (context.json()) return context.print(rollout);
  const json::value& plan = member(rollout, "plan");
  std::ostream& out = context.io.out;
  out << "would bring " << text_of(rollout, "to") << " of " << text_of(rollout, "service")
      << " to the users as " << text_of(plan, "strategy") << ", from " << text_of(rollout, "from")
      << "; nothing was started\n";
  Table table({{"STEP", Ink::Plain, true}, {"WEIGHT", Ink::Plain, true}, {"BAKE"}, {"APPROVAL"}});
  double number = 0;
  for (const auto& stage : list_of(member(plan, "stages")))
    table.add({{short_number(++number, 0), Ink::Plain, true},
               {percent_text(number_of(stage, "weight")), Ink::Plain, true},
               {text_of(stage, "bake")},
               {is_true(stage, "approval") ? "needed" : "-"}});
  table.print(context.io, context.colour());
  out << "max_step " << text_of(plan, "max_step") << ", then " << text_of(plan, "on_inconclusive")
      << "; keep_old " << text_of(plan, "keep_old") << "\n";
}

void start(const StartOptions& options, Context& context) {
  const Follow follow{timeout_of(options.timeout)};
  const AdminClient client = context.client();
  const json::object body = start_body(options);
  AdminRequest request{.method = "POST",
                       .target = "/v1/services/" + escaped(options.service) + "/rollouts" +
                                 (options.dry_run ? "?dry_run=true" : ""),
                       .body = control::to_text(body)};
  if (!options.idempotency_key.empty()) {
    request.headers.emplace_back("Idempotency-Key", options.idempotency_key);
  }
  const AdminResponse made = client.demand(request);
  const std::string id = text_of(made.body, "id");
  if (options.dry_run) return print_plan(context, made.body);
  if (!options.wait) {
    print_rollout(context, made.body);
    return;
  }
  context.io.err << "rollout " << id << " started\n";
  context.exit_code = follow_rollout(context, client, id, follow);
}

bool is_active(const json::value& rollout) {
  const std::string phase = text_of(rollout, "phase");
  return phase != "succeeded" && phase != "rolled_back" && phase != "aborted";
}

void add_start(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("start", "Send traffic to a version, step by step");
  auto options = std::make_shared<StartOptions>();
  command->add_option("service", options->service)->required();
  command->add_option("--to", options->to, "The new version")->required();
  command->add_option("--strategy", options->strategy, "canary, blue_green or rolling")
      ->check(CLI::IsMember({"canary", "blue_green", "rolling"}));
  command->add_option("--steps", options->steps, "Shares such as 5%,25%,100%")->delimiter(',');
  command->add_option("--bake", options->bake, "Least time at each step, such as 60s");
  command->add_option("--max-step", options->max_step, "Longest time at a step without a verdict");
  command
      ->add_option("--on-inconclusive", options->on_inconclusive,
                   "Then: hold, extend, promote or rollback")
      ->check(CLI::IsMember({"hold", "extend", "promote", "rollback"}));
  command
      ->add_option("--approval", options->approval,
                   "Steps that wait for approval, such as 50%; 0% is the preview")
      ->delimiter(',');
  command->add_option("--holdback", options->holdback,
                      "Stays on the old version until the last bake is over, such as 2%");
  command->add_option("--keep-old", options->keep_old,
                      "So long the old version is kept for a rollback");
  command->add_option("--max-unavailable", options->max_unavailable,
                      "rolling: endpoints replaced at the same time");
  command->add_option("--commit-time", options->commit_time, "RFC 3339; for lead time");
  command->add_option("--idempotency-key", options->idempotency_key,
                      "The same key starts the same rollout only once");
  command->add_flag("--retry", options->retry, "Also if this version was rolled back before");
  command->add_flag("--force", options->force,
                    "Also outside the deployment windows and beyond the capacity");
  command->add_flag("--wait", options->wait, "Follow it to its end; the exit code tells which");
  command->add_option("--timeout", options->timeout, "With --wait: exit 5 after this (30m)");
  command->add_flag("--dry-run", options->dry_run, "Show the plan, start nothing");
  command->callback([options, &context] { start(*options, context); });
}

void add_looks(CLI::App& parent, Context& context) {
  auto* status = parent.add_subcommand("status", "Show a rollout; exits 0 whatever its phase");
  auto name = std::make_shared<std::string>();
  status->add_option("rollout", *name, "Service or rollout id")->required();
  status->callback([name, &context] {
    const AdminClient client = context.client();
    const std::string id = find_rollout(client, *name);
    print_rollout(context, client.get("/v1/rollouts/" + escaped(id)).body);
  });
  auto* watch =
      parent.add_subcommand("watch", "Follow a rollout to its end; the exit code tells which");
  auto watched = std::make_shared<std::string>();
  auto timeout = std::make_shared<std::string>("30m");
  watch->add_option("rollout", *watched, "Service or rollout id")->required();
  watch->add_option("--timeout", *timeout, "Exit 5 after this (30m)");
  watch->callback([watched, timeout, &context] {
    const Follow follow{timeout_of(*timeout)};
    const AdminClient client = context.client();
    context.exit_code = follow_rollout(context, client, find_rollout(client, *watched), follow);
  });
}

struct ActOptions {
  std::string rollout;
  std::string reason;
  bool full = false;
  bool force = false;
  bool undo = false;
};

void add_action(CLI::App& parent, Context& context, const std::string& verb,
                const std::string& help) {
  auto* command = parent.add_subcommand(verb, help);
  auto options = std::make_shared<ActOptions>();
  command->add_option("rollout", options->rollout, "Service or rollout id")->required();
  command->add_option("--reason", options->reason, "Kept in the history");
  if (verb == "promote") {
    command->add_flag("--full", options->full, "To 100 %, at once");
    command->add_flag("--force", options->force,
                      "Also outside the deployment windows and beyond the capacity");
  }
  if (verb == "retry")
    command->add_flag("--force", options->force,
                      "Also outside the deployment windows and beyond the capacity");
  if (verb == "ready")
    command->add_flag("--undo", options->undo, "The old version is back: `waits_for.undo` is true");
  command->callback([options, verb, &context] {
    const AdminClient client = context.client();
    const std::string id = find_rollout(client, options->rollout);
    json::object body;
    if (!options->reason.empty()) body["reason"] = options->reason;
    if (options->force) body["force"] = true;
    if (options->undo) body["undo"] = true;
    print_rollout(
        context,
        client
            .post("/v1/rollouts/" + escaped(id) + ":" + verb + (options->full ? "-full" : ""), body)
            .body);
  });
}

}  // namespace

std::string find_rollout(const AdminClient& client, const std::string& name) {
  const AdminResponse answer =
      client.ask({.target = "/v1/services/" + escaped(name) + "/rollouts"});
  if (answer.status == 404) return name;
  if (answer.status >= 400) fail_with_problem(answer);
  json::value latest;  // rollouts come oldest first
  for (const auto& rollout : list_of(member(answer.body, "rollouts"))) {
    if (is_active(rollout)) return text_of(rollout, "id");
    latest = rollout;
  }
  if (latest.is_null()) throw Failure(kUsage, "the service " + name + " never had a rollout");
  return text_of(latest, "id");
}

void add_rollout(CLI::App& parent, Context& context) {
  auto* group = parent.add_subcommand("rollout", "Start, follow and steer rollouts");
  group->require_subcommand(1);
  add_start(*group, context);
  add_looks(*group, context);
  add_replay(*group, context);
  add_action(*group, context, "pause", "Hold at this weight; the guards stay armed");
  add_action(*group, context, "resume", "Go on after a pause");
  add_action(*group, context, "promote", "Go to the next step without waiting");
  add_action(*group, context, "approve", "Agree to go on (role approver)");
  add_action(*group, context, "reject", "Refuse to go on: it ends as aborted (role approver)");
  add_action(*group, context, "ready", "The endpoints that are out have their new version");
  add_action(*group, context, "retry", "Start again one that was rolled back or aborted");
  add_action(*group, context, "abort", "Give all traffic back to the old version");
}

}  // namespace cutwater::cli
