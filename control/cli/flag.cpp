// Implements cutwater flag list|set|kill|revive.
#include "control/cli/commands.hpp"

#include "config/share.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

std::string share_text(const json::value& percent) {
  return percent_text(percent.to_number<double>());
}

// Writes "ramp running (inconclusive; errors 3 %, control group 0.1 %)", with errors as the guard
// counts them: one user's errors count once for each share.
std::string ramp_text(const json::value& ramp) {
  std::string text = "ramp " + text_of(ramp, "state");
  const std::string verdict = text_of(ramp, "verdict");
  if (verdict.empty()) return text;
  text += " (" + verdict;
  const auto rate = [](const json::value& counts) {
    return percent_text(control::rounded(*number_of(counts, "rate") * 100, 2).to_number<double>());
  };
  for (const auto& test : list_of(member(ramp, "tests")))
    if (text_of(test, "name") == "relative_error_rate" && text_of(test, "verdict") != "no_traffic")
      text += "; errors " + rate(test) + ", control group " + rate(member(test, "baseline"));
  return text + ")";
}

// Turns {"cookie": "beta=on"} into "cookie beta=on"; then "10% by cookie:uid", "allow 2", ...
std::string condition_text(const json::value& flag) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (const auto* when = member(flag, "when").if_object()) {
    for (const auto& [source, match] : *when) {
      if (match.is_string()) add(std::string(source) + " " + std::string(match.as_string()));
      if (match.is_array()) add("in " + std::to_string(match.as_array().size()) + " values");
    }
  }
  if (const json::value percentage = member(flag, "percentage"); percentage.is_number())
    add(share_text(percentage) + " by " + text_of(flag, "key"));
  for (const char* list : {"allow", "deny"}) {
    const json::value ids = member(flag, list);
    if (const auto* written = ids.if_array(); written != nullptr && !written->empty())
      add(std::string(list) + " " + std::to_string(written->size()));
    if (ids.is_object()) add(std::string(list) + " " + text_of(ids, "file"));
  }
  if (const json::value ramp = member(flag, "ramp"); ramp.is_object()) add(ramp_text(ramp));
  return text;
}

// Writes "green", or "blue 50%, red 50%".
std::string target_text(const json::value& flag) {
  const json::value arms = member(flag, "arms");
  if (!arms.is_object()) return text_of(flag, "version");
  std::string text;
  for (const auto& [version, share] : arms.as_object())
    text += (text.empty() ? "" : ", ") + std::string(version) + " " + share_text(share);
  return text;
}

void list(const std::string& service, Context& context) {
  const json::value answer =
      context.client().get("/v1/services/" + escaped(service) + "/flags").body;
  if (context.json()) {
    context.print(answer);
    return;
  }
  Table table({{"FLAG"}, {"STATE"}, {"VERSION"}, {"WHEN"}});
  for (const auto& flag : list_of(member(answer, "flags"))) {
    const bool on = is_true(flag, "enabled");
    table.add({{text_of(flag, "name"), Ink::Bold},
               {on ? "on" : "killed", on ? Ink::Good : Ink::Bad},
               {target_text(flag)},
               {condition_text(flag)}});
  }
  table.print(context.io, context.colour());
}

void add_switch(CLI::App& parent, Context& context, const std::string& verb,
                const std::string& help) {
  auto* command = parent.add_subcommand(verb, help);
  auto service = std::make_shared<std::string>();
  auto flag = std::make_shared<std::string>();
  command->add_option("service", *service)->required();
  command->add_option("flag", *flag)->required();
  command->callback([service, flag, verb, &context] {
    const json::value answer =
        context.client()
            .post("/v1/services/" + escaped(*service) + "/flags/" + escaped(*flag) + ":" + verb, {})
            .body;
    if (context.json()) {
      context.print(answer);
    } else {
      context.say("flag " + *flag + " of " + *service + (verb == "kill" ? " killed" : " revived"));
    }
  });
}

struct Settings {
  std::string service;
  std::string flag;
  std::string percentage;
  std::vector<std::string> arms;
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::string ramp;
  std::string if_match;
  bool force = false;
};

// Reads "25" or "25%" as a number of percent.
json::value percent_of(std::string text, const std::string& what) {
  if (!text.ends_with('%')) text += '%';
  const auto share = parse_share(text);
  if (!share) throw Failure(kUsage, "'" + text + "' is no " + what + "; write it such as 25%");
  return control::number(share->as_percent());
}

json::object body_of(const Settings& settings, const CLI::App& command) {
  json::object body;
  if (!settings.percentage.empty())
    body["percentage"] = percent_of(settings.percentage, "percentage");
  json::object arms;
  for (const std::string& arm : settings.arms) {
    const std::size_t equals = arm.find('=');
    if (equals == arm.npos || equals == 0)
      throw Failure(kUsage, "'" + arm + "' is no arm; write VERSION=PERCENT such as green=30");
    arms[arm.substr(0, equals)] = percent_of(arm.substr(equals + 1), "share");
  }
  if (!arms.empty()) body["arms"] = std::move(arms);
  if (command.count("--allow") > 0)
    body["allow"] = json::array(settings.allow.begin(), settings.allow.end());
  if (command.count("--deny") > 0)
    body["deny"] = json::array(settings.deny.begin(), settings.deny.end());
  for (const char* list : {"allow", "deny"}) {  // `--allow ""` empties the list
    auto* ids = body.if_contains(list);
    if (ids != nullptr && ids->as_array() == json::array{""}) ids->as_array().clear();
  }
  if (!settings.ramp.empty()) body["ramping"] = settings.ramp == "on";
  if (body.empty())
    throw Failure(kUsage, "nothing to set; give --percentage, --arms, --allow, --deny or --ramp");
  return body;
}

void set(const Settings& settings, const CLI::App& command, Context& context) {
  const json::object body = body_of(settings, command);
  const AdminClient client = context.client();
  const std::string target =
      "/v1/services/" + escaped(settings.service) + "/flags/" + escaped(settings.flag);
  std::string tag = settings.force ? "*" : "\"" + settings.if_match + "\"";
  // As for weights, another writer between this and the PUT wins, and we say so.
  if (!settings.force && settings.if_match.empty()) tag = client.get(target).etag;
  const json::value answer = client
                                 .demand({.method = "PUT",
                                          .target = target,
                                          .body = control::to_text(body),
                                          .headers = {{"If-Match", tag}}})
                                 .body;
  if (context.json()) {
    context.print(answer);
  } else {
    context.say("flag " + settings.flag + " of " + settings.service + ": " + target_text(answer) +
                ", " + condition_text(answer));
  }
}

void add_set(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("set", "Change whom a flag is for");
  auto settings = std::make_shared<Settings>();
  command->add_option("service", settings->service)->required();
  command->add_option("flag", settings->flag)->required();
  command->add_option("--percentage", settings->percentage, "Of the users, such as 25%");
  command->add_option("--arms", settings->arms, "VERSION=PERCENT,..., together 100")
      ->delimiter(',');
  command->add_option("--allow", settings->allow, "Ids that always get it: u17,u42; \"\" for none")
      ->delimiter(',');
  command->add_option("--deny", settings->deny, "Ids that never get it")->delimiter(',');
  command->add_option("--ramp", settings->ramp, "on: its steps go on; off: they wait")
      ->check(CLI::IsMember({"on", "off"}));
  auto* if_match = command->add_option("--if-match", settings->if_match,
                                       "Only if this is still the generation (else exit 8)");
  command->add_flag("--force", settings->force, "Whatever the generation")->excludes(if_match);
  command->callback([settings, command, &context] { set(*settings, *command, context); });
}

}  // namespace

void add_flag(CLI::App& parent, Context& context) {
  auto* group = parent.add_subcommand("flag", "Feature flags of a service");
  group->require_subcommand(1);
  auto* all = group->add_subcommand("list", "Show them");
  auto service = std::make_shared<std::string>();
  all->add_option("service", *service)->required();
  all->callback([service, &context] { list(*service, context); });
  add_set(*group, context);
  add_switch(*group, context, "kill", "Switch a flag off: it matches nobody from now on");
  add_switch(*group, context, "revive", "Switch a killed flag on again");
}

}  // namespace cutwater::cli
