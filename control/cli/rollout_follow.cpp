// Following a rollout to its end by long polls: they need no state on either side, survive a
// restart of the proxy, and answer at once when something changes.
#include <algorithm>
#include <thread>

#include "control/cli/commands.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestPoll = std::chrono::seconds(50);
// A proxy that restarts is away for a moment; that is no reason to lose sight of a rollout.
constexpr milliseconds kPatience = std::chrono::seconds(30);

std::string progress_line(const json::value& rollout) {
  const auto steps = number_of(rollout, "steps");
  std::string line = text_of(rollout, "service") + ": " + text_of(rollout, "from") + " -> " +
                     text_of(rollout, "to") + "  " + text_of(rollout, "phase") + "  step " +
                     short_number(number_of(rollout, "step"), 0);
  if (steps) line += "/" + short_number(steps, 0);
  line += "  " + percent_text(number_of(rollout, "weight"));
  for (const char* name : {"verdict", "reason"}) {
    if (const std::string text = text_of(rollout, name); !text.empty()) line += "  " + text;
  }
  return line;
}

class Progress {
 public:
  explicit Progress(const Context& context) : context_(context) {}
  void show(const json::value& rollout) {
    if (!context_.io.err_is_terminal) return;
    const std::string line = progress_line(rollout);
    if (line == last_) return;
    last_ = line;
    context_.io.err << "\r\033[2K" << line << std::flush;
  }
  ~Progress() {
    if (!last_.empty()) context_.io.err << "\n";
  }

 private:
  const Context& context_;
  std::string last_;
};

json::value poll(const AdminClient& client, const std::string& id, milliseconds wait) {
  return client
      .demand(
          {.target = "/v1/rollouts/" + escaped(id) + "?wait=" + std::to_string(wait.count()) + "ms",
           .timeout = wait + std::chrono::seconds(10)})
      .body;
}

}  // namespace

std::optional<int> exit_code_of_phase(std::string_view phase) {
  if (phase == "succeeded") return kSucceeded;
  if (phase == "rolled_back") return kRolledBack;
  if (phase == "aborted") return kAborted;
  if (phase == "awaiting_approval") return kWaitsForApproval;
  if (phase == "inconclusive") return kInconclusive;
  return std::nullopt;
}

int follow_rollout(const Context& context, const AdminClient& client, const std::string& id,
                   const Follow& follow) {
  const auto deadline = Clock::now() + follow.timeout;
  auto last_answer = Clock::now();
  Progress progress(context);
  json::value rollout;  // null until the first answer
  while (true) {
    if (!rollout.is_null()) progress.show(rollout);
    const std::string phase = text_of(rollout, "phase");
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    auto code = exit_code_of_phase(phase);
    if (!code && left <= milliseconds(0) && !rollout.is_null()) {
      code = text_of(rollout, "verdict") == "no_traffic" ? kInconclusive : kStillGoing;
    }
    if (code) {
      print_rollout(context, rollout);
      return *code;
    }
    try {
      rollout = rollout.is_null() ? client.get("/v1/rollouts/" + escaped(id)).body
                                  : poll(client, id, std::min(left, kLongestPoll));
      last_answer = Clock::now();
    } catch (const Failure& failure) {
      const auto now = Clock::now();
      if (failure.exit_code != kUnreachable || now - last_answer > kPatience || now > deadline) {
        throw;
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
}

void print_rollout(const Context& context, const json::value& rollout) {
  if (context.json()) {
    context.print(rollout);
    return;
  }
  const bool colour = context.colour();
  Table table({{"ROLLOUT"},
               {"SERVICE"},
               {"FROM"},
               {"TO"},
               {"PHASE"},
               {"STEP", Ink::Plain, true},
               {"WEIGHT", Ink::Plain, true},
               {"VERDICT"}});
  const std::string phase = text_of(rollout, "phase");
  const std::string verdict = text_of(rollout, "verdict");
  const auto steps = number_of(rollout, "steps");
  table.add(
      {{text_of(rollout, "id"), Ink::Bold},
       {text_of(rollout, "service")},
       {text_of(rollout, "from")},
       {text_of(rollout, "to")},
       {phase, ink_of(phase)},
       {short_number(number_of(rollout, "step"), 0) + (steps ? "/" + short_number(steps, 0) : ""),
        Ink::Plain, true},
       {percent_text(number_of(rollout, "weight")), Ink::Plain, true},
       {verdict, ink_of(verdict)}});
  table.print(context.io.out, colour);
  if (const std::string reason = text_of(rollout, "reason"); !reason.empty()) {
    context.io.out << reason << "\n";
  }
}

}  // namespace cutwater::cli
