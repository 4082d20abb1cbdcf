// cutwater flag list|kill|revive.
#include "control/cli/commands.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

// {"cookie": "beta=on"} -> "cookie beta=on"
std::string condition_text(const json::value& flag) {
  std::string text;
  if (const auto* when = member(flag, "when").if_object()) {
    for (const auto& [source, match] : *when) {
      if (!match.is_string()) continue;
      text +=
          (text.empty() ? "" : ", ") + std::string(source) + " " + std::string(match.as_string());
    }
  }
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
               {text_of(flag, "version")},
               {condition_text(flag)}});
  }
  table.print(context.io.out, context.colour());
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

}  // namespace

void add_flag(CLI::App& parent, Context& context) {
  auto* group = parent.add_subcommand("flag", "Feature flags of a service");
  group->require_subcommand(1);
  auto* all = group->add_subcommand("list", "Show them");
  auto service = std::make_shared<std::string>();
  all->add_option("service", *service)->required();
  all->callback([service, &context] { list(*service, context); });
  add_switch(*group, context, "kill", "Switch a flag off: it matches nobody from now on");
  add_switch(*group, context, "revive", "Switch a killed flag on again");
}

}  // namespace cutwater::cli
