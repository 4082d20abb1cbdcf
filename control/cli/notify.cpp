// Implements cutwater notify test|list: whether the message arrives, and what became of earlier
// ones.
#include "control/cli/history_commands.hpp"

#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

void test(const std::string& channel, Context& context) {
  json::object body;
  if (!channel.empty()) body["channel"] = channel;
  const json::value answer = context.client()
                                 .demand({.method = "POST",
                                          .target = "/v1/notify:test",
                                          .body = control::to_text(body),
                                          .timeout = std::chrono::minutes(12)})
                                 .body;
  if (!is_true(answer, "delivered")) context.exit_code = kInternal;
  if (context.json()) {
    context.print(answer);
    return;
  }
  Table table({{"CHANNEL"}, {"KIND"}, {"RESULT"}, {"DETAIL"}});
  for (const auto& one : list_of(member(answer, "channels"))) {
    const bool delivered = is_true(one, "delivered");
    table.add({{text_of(one, "channel"), Ink::Bold},
               {text_of(one, "kind")},
               {delivered ? "delivered" : "failed", delivered ? Ink::Good : Ink::Bad},
               {text_of(one, "detail")}});
  }
  table.print(context.io, context.colour());
}

struct ListOptions {
  std::string state;
  std::uint32_t limit = 100;
};

void list(const ListOptions& options, Context& context) {
  std::string target = "/v1/notifications?limit=" + std::to_string(options.limit);
  if (!options.state.empty()) target += "&state=" + options.state;
  const json::value answer = context.client().get(target).body;
  if (context.json()) {
    context.print(answer);
    return;
  }
  Table table({{"ID", Ink::Plain, true},
               {"CREATED"},
               {"CHANNEL"},
               {"EVENT"},
               {"STATE"},
               {"TRIES", Ink::Plain, true},
               {"WHAT"},
               {"ERROR"}});
  for (const auto& item : list_of(member(answer, "notifications"))) {
    const std::string state = text_of(item, "state");
    table.add({{short_number(number_of(item, "id"), 0), Ink::Quiet, true},
               {text_of(item, "created")},
               {text_of(item, "channel"), Ink::Bold},
               {text_of(item, "event")},
               {state, state == "dead"      ? Ink::Bad
                       : state == "pending" ? Ink::Wait
                                            : Ink::Good},
               {short_number(number_of(item, "attempts"), 0), Ink::Plain, true},
               {text_of(item, "title")},
               {text_of(item, "error")}});
  }
  table.print(context.io, context.colour());
}

}  // namespace

void add_notify(CLI::App& parent, Context& context) {
  auto* group = parent.add_subcommand("notify", "Notifications: try a channel, see the outbox");
  group->require_subcommand(1);
  auto* trial = group->add_subcommand("test", "Send a test message and say what became of it");
  auto channel = std::make_shared<std::string>();
  trial->add_option("channel", *channel, "Only this channel of `notify`");
  trial->callback([channel, &context] { test(*channel, context); });
  auto* all = group->add_subcommand("list", "What waits, was delivered or given up; newest first");
  auto options = std::make_shared<ListOptions>();
  all->add_option("--state", options->state, "pending, delivered or dead")
      ->check(CLI::IsMember({"pending", "delivered", "dead"}));
  all->add_option("--limit", options->limit, "At most this many (100)")->check(CLI::Range(1, 1000));
  all->callback([options, &context] { list(*options, context); });
}

}  // namespace cutwater::cli
