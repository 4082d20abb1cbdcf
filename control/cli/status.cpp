// Implements cutwater status: what is running, as a table; -w keeps it up to date.
#include "control/cli/commands.hpp"

#include <algorithm>
#include <thread>

#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

// WEIGHT is of now; what was measured needs a while.
constexpr const char* kCaption =
    "WEIGHT is of now, ACTUAL of the last 10 s, REQ/S to P99 of the last 60 s.\n";

std::string endpoints_text(const json::value& version) {
  const auto endpoints = list_of(member(version, "endpoints"));
  const auto healthy = std::ranges::count_if(
      endpoints, [](const json::value& endpoint) { return is_true(endpoint, "healthy"); });
  return std::to_string(healthy) + "/" + std::to_string(endpoints.size());
}

// What was measured is not exact to more than two decimals.
std::optional<double> hundredths(std::optional<double> value) {
  if (value) value = control::rounded(*value, 2).to_number<double>();
  return value;
}

// A version that a person drained is no worse than another.
std::string verdict_of(const json::value& version) {
  if (!is_true(version, "locked_out")) return text_of(version, "verdict");
  return text_of(member(version, "lock_out"), "action") == "drained" ? "drained" : "locked out";
}

std::vector<Cell> version_row(const json::value& service, const json::value& version) {
  const std::string name = text_of(version, "name");
  const json::value& seen = member(member(version, "windows"), "60s");
  auto errors = number_of(seen, "error_rate");
  if (number_of(seen, "requests") == 0) errors.reset();  // without requests there is no rate
  if (errors) errors = hundredths(*errors * 100);
  const auto rate = number_of(seen, "requests_per_second");
  const std::string verdict = verdict_of(version);
  const std::string up = endpoints_text(version);
  return {{name, Ink::Bold},
          {percent_text(number_of(member(service, "weights"), name)), Ink::Plain, true},
          {percent_text(hundredths(number_of(member(service, "weights_actual_10s"), name))),
           Ink::Plain, true},
          {up, up.starts_with("0/") ? Ink::Bad : Ink::Plain, true},
          {short_number(rate, rate >= 100 ? 0 : 1), Ink::Plain, true},
          {percent_text(errors), Ink::Plain, true},
          {millis_text(number_of(seen, "p50_ms")), Ink::Plain, true},
          {millis_text(number_of(seen, "p95_ms")), Ink::Plain, true},
          {millis_text(number_of(seen, "p99_ms")), Ink::Plain, true},
          {verdict, ink_of(verdict)}};
}

// Says below the table what its figures leave open: why an endpoint or a version has no traffic.
void print_reasons(std::ostream& out, bool colour, const json::value& service) {
  for (const auto& version : list_of(member(service, "versions"))) {
    const std::string name = text_of(version, "name");
    for (const auto& endpoint : list_of(member(version, "endpoints"))) {
      const std::string why = text_of(endpoint, "why");
      if (is_true(endpoint, "healthy") || why.empty()) continue;
      out << inked(text_of(endpoint, "url"), Ink::Bad, colour) << " of " << name
          << " is down since " << text_of(endpoint, "down_since") << ": " << why << "\n";
    }
    const json::value& by = member(version, "lock_out");
    if (!by.is_object()) continue;
    // The line of the last rollout has told it already.
    const json::value& told = member(member(service, "last_rollout"), "taken_back");
    const bool again = told.is_object() && text_of(told, "time") == text_of(by, "time");
    out << name << " is " << verdict_of(version) << " since " << (again ? "then" : decided_text(by))
        << "\n";
  }
  const json::value& unavailable = member(service, "unavailable");
  if (number_of(unavailable, "60s") > 0)
    out << inked(short_number(number_of(unavailable, "60s"), 0) + " requests", Ink::Bad, colour)
        << " of the last 60 s were answered with 503 by the proxy: no endpoint was there\n";
}

// The last rollout, unless one is under way.
void print_last_rollout(std::ostream& out, const json::value& service) {
  const json::value& last = member(service, "last_rollout");
  if (!last.is_object() || member(service, "rollout").is_object()) return;
  out << "last rollout " << text_of(last, "id") << ": " << text_of(last, "from") << " -> "
      << text_of(last, "to") << ", ";
  if (const json::value& back = member(last, "taken_back"); back.is_object())
    out << "taken back at " << decided_text(back) << "\n";
  else
    out << text_of(last, "phase") << " at " << text_of(last, "finished") << "\n";
}

void print_service(const Io& io, bool colour, const json::value& service) {
  std::ostream& out = io.out;
  out << inked(text_of(service, "name"), Ink::Bold, colour) << "  stable "
      << text_of(service, "stable") << "  generation "
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
  print_last_rollout(out, service);
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
  table.print(io, colour);
  print_reasons(out, colour, service);
}

void print_status(const json::value& answer, const Context& context) {
  std::ostream& out = context.io.out;
  if (!member(answer, "versions").is_null()) {
    print_service(context.io, context.colour(), answer);
    out << kCaption;
    return;
  }
  const json::value& all = member(answer, "services");
  bool first = true;
  for (const auto& service : list_of(all)) {
    if (!std::exchange(first, false)) out << "\n";
    print_service(context.io, context.colour(), service);
  }
  if (!first) out << kCaption;
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
