// Implements cutwater dora: how often, how fast and how well versions reach the users.
#include "control/cli/history_commands.hpp"

#include <cmath>

#include "config/units.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct DoraOptions {
  std::string service;
  std::string window;
};

constexpr std::pair<const char*, const char*> kFigures[] = {
    {"deployment_frequency", "deployment frequency"},
    {"lead_time", "lead time for changes"},
    {"change_failure_rate", "change failure rate"},
    {"time_to_recovery", "time to recovery"},
    {"success_rate", "success rate"}};

// Writes "1.5 d", "3.2 h", "12 min", "0.35 s".
std::string time_span(double seconds) {
  constexpr std::pair<double, const char*> kUnits[] = {{86400, " d"}, {3600, " h"}, {60, " min"}};
  for (const auto& [size, name] : kUnits)
    if (seconds >= size) return short_number(seconds / size, 1) + name;
  return short_number(seconds, 2) + " s";
}

std::string value_text(const json::value& figure, std::string_view name) {
  const auto value = number_of(figure, name);
  if (!value) return short_number(value, 0);
  const std::string unit = text_of(figure, "unit");
  if (unit == "seconds") return time_span(*value);
  if (unit == "ratio") return percent_text(std::round(*value * 1000) / 10);
  return short_number(value, 2) + " / day";
}

std::string limit_text(const json::value& figure, std::string_view name, bool alert) {
  if (!number_of(figure, name)) return short_number(std::nullopt, 0);
  const bool above = is_true(figure, "higher_is_better") != alert;
  return (above ? "> " : "< ") + value_text(figure, name);
}

Cell standing(const json::value& figure) {
  const std::string word = text_of(figure, "standing");
  if (word == "on_target") return {"on target", Ink::Good};
  if (word == "off_target") return {"off target", Ink::Wait};
  if (word == "alert") return {"ALERT", Ink::Bad};
  return {"no data", Ink::Quiet};
}

void dora(const DoraOptions& options, Context& context) {
  std::string target = "/v1/dora?window=" + escaped(options.window);
  if (!options.service.empty()) target += "&service=" + escaped(options.service);
  const json::value answer = context.client().get(target).body;
  if (context.json()) {
    context.print(answer);
    return;
  }
  Table table({{"FIGURE"},
               {"VALUE", Ink::Plain, true},
               {"TARGET", Ink::Plain, true},
               {"ALERT", Ink::Plain, true},
               {"STANDING"},
               {"SAMPLES", Ink::Plain, true}});
  for (const auto& [key, title] : kFigures) {
    const json::value& figure = member(answer, key);
    table.add({{title, Ink::Bold},
               {value_text(figure, "value"), Ink::Plain, true},
               {limit_text(figure, "target", false), Ink::Quiet, true},
               {limit_text(figure, "alert", true), Ink::Quiet, true},
               standing(figure),
               {short_number(number_of(figure, "samples"), 0), Ink::Quiet, true}});
  }
  table.print(context.io, context.colour());
  context.io.out << short_number(number_of(answer, "deployments"), 0) << " deployments in "
                 << text_of(answer, "window") << ": "
                 << short_number(number_of(answer, "succeeded"), 0) << " succeeded, "
                 << short_number(number_of(answer, "failed"), 0) << " rolled back\n";
}

}  // namespace

void add_dora(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("dora", "DORA figures of the history, with targets");
  auto options = std::make_shared<DoraOptions>();
  options->window = "30d";
  command->add_option("service", options->service, "Only this service");
  command->add_option("--window", options->window, "How far to look back (30d)");
  command->callback([options, &context] {
    if (!config::parse_duration(options->window))
      throw Failure(kUsage, "'" + options->window + "' is no duration; write 7d, 30d or 12h");
    dora(*options, context);
  });
}

}  // namespace cutwater::cli
