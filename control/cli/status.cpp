// Implements cutwater status: what is running, as a table; -w keeps it up to date.
#include "control/cli/commands.hpp"

#include <algorithm>
#include <thread>

#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

std::string endpoints_text(const json::value& version) {
  const auto endpoints = list_of(member(version, "endpoints"));
  const auto healthy = std::ranges::count_if(
      endpoints, [](const json::value& endpoint) { return is_true(endpoint, "healthy"); });
  return std::to_string(healthy) + "/" + std::to_string(endpoints.size());
}

std::vector<Cell> version_row(const json::value& service, const json::value& version) {
  const std::string name = text_of(version, "name");
  const json::value& seen = member(member(version, "windows"), "60s");
  auto errors = number_of(seen, "error_rate");
  if (errors) errors = control::rounded(*errors * 100, 2).to_number<double>();
  const std::string verdict =
      is_true(version, "locked_out") ? "locked out" : text_of(version, "verdict");
  const bool stable = text_of(service, "stable") == name;
  return {{name + (stable ? " (stable)" : ""), Ink::Bold},
          {percent_text(number_of(member(service, "weights"), name)), Ink::Plain, true},
          {percent_text(number_of(member(service, "weights_actual"), name)), Ink::Plain, true},
          {endpoints_text(version), Ink::Plain, true},
          {short_number(number_of(seen, "requests_per_second"), 1), Ink::Plain, true},
          {percent_text(errors), Ink::Plain, true},
          {millis_text(number_of(seen, "p50_ms")), Ink::Plain, true},
          {millis_text(number_of(seen, "p95_ms")), Ink::Plain, true},
          {millis_text(number_of(seen, "p99_ms")), Ink::Plain, true},
          {verdict, ink_of(verdict)}};
}

void print_service(std::ostream& out, bool colour, const json::value& service) {
  out << inked(text_of(service, "name"), Ink::Bold, colour) << "  generation "
      << short_number(number_of(service, "generation"), 0) << "\n";
  const json::value& rollout = member(service, "rollout");
  if (rollout.is_object()) {
    const std::string phase = text_of(rollout, "phase");
    out << "rollout " << text_of(rollout, "id") << ": " << text_of(rollout, "from") << " -> "
        << text_of(rollout, "to") << ", " << inked(phase, ink_of(phase), colour) << " at "
        << percent_text(number_of(rollout, "weight"));
    if (const std::string reason = text_of(rollout, "reason"); !reason.empty())
      out << ": " << reason;
    out << "\n";
  }
  Table table({{"VERSION"},
               {"WEIGHT", Ink::Plain, true},
               {"ACTUAL", Ink::Plain, true},
               {"UP", Ink::Plain, true},
               {"REQ/S", Ink::Plain, true},
               {"ERRORS", Ink::Plain, true},
               {"P50", Ink::Plain, true},
               {"P95", Ink::Plain, true},
               {"P99", Ink::Plain, true},
               {"VERDICT"}});
  for (const auto& version : list_of(member(service, "versions"))) {
    table.add(version_row(service, version));
  }
  table.print(out, colour);
}

void print_status(const json::value& answer, const Context& context) {
  std::ostream& out = context.io.out;
  if (!member(answer, "versions").is_null()) {
    print_service(out, context.colour(), answer);
    return;
  }
  const json::value& all = member(answer, "services");
  bool first = true;
  for (const auto& service : list_of(all)) {
    if (!std::exchange(first, false)) out << "\n";
    print_service(out, context.colour(), service);
  }
}

struct StatusOptions {
  std::string service;
  bool watch = false;
};

void status(const StatusOptions& options, Context& context) {
  const AdminClient client = context.client();
  const std::string target =
      options.service.empty() ? "/v1/services" : "/v1/services/" + escaped(options.service);
  while (true) {
    const json::value answer = client.get(target).body;
    if (options.watch && context.io.out_is_terminal && !context.json()) {
      context.io.out << "\033[H\033[2J";  // write from the top of an empty screen
    }
    if (context.json()) {
      context.print(answer);
    } else {
      print_status(answer, context);
    }
    if (!options.watch) return;
    context.io.out.flush();
    if (!context.io.out) return;  // the reader is gone
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

void add_status(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("status", "Weights, live rates, latencies, verdicts");
  auto options = std::make_shared<StatusOptions>();
  command->add_option("service", options->service, "Only this service");
  command->add_flag("-w,--watch", options->watch, "Again every second until interrupted");
  command->callback([options, &context] { status(*options, context); });
}

}  // namespace cutwater::cli
