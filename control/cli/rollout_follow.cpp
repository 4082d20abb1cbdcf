// Follows a rollout to its end by long polls: they need no state on either side, survive a restart
// of the proxy, and answer at once when something changes.
#include "control/cli/commands.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "config/units.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestPoll = std::chrono::seconds(50);
// short, because somebody watches the figures move
constexpr milliseconds kLivePoll = std::chrono::seconds(1);
// A proxy that restarts is away for a moment; that must not end the watch over a rollout.
constexpr milliseconds kPatience = std::chrono::seconds(30);

// The line on the terminal is rewritten in place while the rollout goes on, so it must fit on one
// line.
std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string shortened(const std::string& text, std::size_t width) {
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    const bool starts_character = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (starts_character && ++seen > width) break;
  }
  return text.substr(0, end);
}

// Writes "312 requests, about 45 more to pass".
std::string requests_text(const json::value& analysis) {
  const auto seen = number_of(analysis, "requests_at_this_step");
  if (!seen) return "";
  std::string text = short_number(seen, 0) + " requests";
  const auto needed = number_of(analysis, "requests_needed_to_pass");
  if (needed > 0) text += ", about " + short_number(needed, 0) + " more to pass";
  return text;
}

std::string progress_line(const json::value& rollout, const json::value& analysis,
                          Clock::duration elapsed) {
  const auto steps = number_of(rollout, "steps");
  std::string line = text_of(rollout, "service") + ": " + text_of(rollout, "from") + " -> " +
                     text_of(rollout, "to") + "  " + text_of(rollout, "phase") + "  step " +
                     short_number(number_of(rollout, "step"), 0);
  if (steps) line += "/" + short_number(steps, 0);
  line += "  " + percent_text(number_of(rollout, "weight"));
  line += "  " + config::to_string(std::chrono::duration_cast<std::chrono::seconds>(elapsed));
  for (const std::string& text :
       {text_of(rollout, "verdict"), requests_text(analysis), text_of(rollout, "reason")})
    if (!text.empty()) line += "  " + text;
  return line;
}

// Without a terminal, each decision about the rollout becomes a line, such as in the log of a
// pipeline.
class DecisionLines {
 public:
  DecisionLines(const Context& context, const AdminClient& client)
      : context_(context), client_(client) {}
  void show(const json::value& rollout) {
    const std::string after = after_ ? "&after=" + short_number(after_, 0) : "";
    const json::value answer = client_
                                   .ask({.target = "/v1/decisions?limit=1000&service=" +
                                                   escaped(text_of(rollout, "service")) + after})
                                   .body;
    for (const auto& decision : list_of(member(answer, "decisions"))) {
      after_ = number_of(decision, "seq");
      if (text_of(decision, "rollout") != text_of(rollout, "id")) continue;
      context_.io.err << text_of(decision, "time") << " " << text_of(decision, "action") << ": "
                      << text_of(decision, "reason") << std::endl;
    }
  }

 private:
  const Context& context_;
  const AdminClient& client_;
  std::optional<double> after_;  // the last one seen
};

class Progress {
 public:
  explicit Progress(const Context& context) : context_(context) {}
  bool shown() const { return context_.io.err_is_terminal; }
  void show(const json::value& rollout, const json::value& analysis) {
    if (!shown()) return;
    const std::string line = progress_line(rollout, analysis, Clock::now() - began_);
    if (line == last_) return;
    last_ = line;
    context_.io.err << "\r\033[2K" << shortened(line, terminal_width() - 1) << std::flush;
  }
  // Ensures that the next output begins on a line of its own.
  void finish() {
    if (!std::exchange(last_, "").empty()) context_.io.err << "\n" << std::flush;
  }
  ~Progress() { finish(); }

 private:
  const Context& context_;
  const Clock::time_point began_ = Clock::now();
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

std::chrono::milliseconds timeout_of(const std::string& text) {
  const auto duration = config::parse_duration(text);
  if (!duration) throw Failure(kUsage, "'" + text + "' is no duration; write 30m, 90s or 2h");
  return *duration;
}

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
  DecisionLines lines(context, client);
  json::value rollout;   // null until the first answer
  json::value analysis;  // used only for the display
  const milliseconds longest = progress.shown() ? kLivePoll : kLongestPoll;
  while (true) {
    if (!rollout.is_null()) progress.show(rollout, analysis);
    const std::string phase = text_of(rollout, "phase");
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    auto code = exit_code_of_phase(phase);
    const json::value& taken_back = member(rollout, "taken_back");
    if (taken_back.is_object()) code = kRolledBack;
    const json::value& ended_by = taken_back.is_object() ? taken_back : rollout;
    if (code == kRolledBack && text_of(ended_by, "cause") == "manual") code = kAborted;
    if (!code && left <= milliseconds(0) && !rollout.is_null()) {
      code = text_of(rollout, "verdict") == "no_traffic" ? kInconclusive : kStillGoing;
    }
    if (code) {
      progress.finish();
      print_rollout(context, rollout);
      return *code;
    }
    try {
      rollout = rollout.is_null() ? client.get("/v1/rollouts/" + escaped(id)).body
                                  : poll(client, id, std::min(left, longest));
      if (!progress.shown()) lines.show(rollout);
      if (progress.shown())
        analysis = client.ask({.target = "/v1/rollouts/" + escaped(id) + "/analysis"}).body;
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
  const json::value& taken_back = member(rollout, "taken_back");
  const std::string phase =
      taken_back.is_object() ? std::string("taken back") : text_of(rollout, "phase");
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
  table.print(context.io, colour);
  if (const std::string reason = text_of(rollout, "reason"); !reason.empty()) {
    context.io.out << reason << "\n";
  }
  if (taken_back.is_object())
    context.io.out << "taken back at " << decided_text(taken_back) << "\n";
}

}  // namespace cutwater::cli
