// Declares the commands, which have one file each. Every add_* adds its command below `parent`; the
// callback runs once the arguments are parsed, and throws Failure or sets `context.exit_code`.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

#include "control/cli/client.hpp"
#include "control/cli/output.hpp"

namespace cutwater::cli {

struct Context {
  Io io;
  std::string admin_url = {};
  std::string token_file = {};
  std::string ca = {};           // PEM file; empty: CUTWATER_CA, else the system's
  std::string client_cert = {};  // PEM file; empty: CUTWATER_CLIENT_CERT, else none is shown
  std::string client_key = {};   // empty: CUTWATER_CLIENT_KEY, else in the same file
  std::string output = "table";
  int exit_code = kSucceeded;

  bool json() const { return output == "json"; }
  bool colour() const;  // on `out`
  AdminClient client() const;
  // Prints one line of JSON on `out`.
  void print(const boost::json::value& value) const;
  // Prints a line for people on `out`, unless JSON was asked for: then there is nothing but JSON.
  void say(const std::string& line) const;
};

void add_run(CLI::App& parent, Context& context);
void add_check(CLI::App& parent, Context& context);
void add_status(CLI::App& parent, Context& context);
void add_weights(CLI::App& parent, Context& context);
void add_rollout(CLI::App& parent, Context& context);
void add_rollback(CLI::App& parent, Context& context);
void add_explain(CLI::App& parent, Context& context);
void add_flag(CLI::App& parent, Context& context);
void add_history(CLI::App& parent, Context& context);
void add_drain(CLI::App& parent, Context& context);
void add_unlock(CLI::App& parent, Context& context);
void add_versions(CLI::App& parent, Context& context);
void add_reload(CLI::App& parent, Context& context);
void add_completion(CLI::App& parent, Context& context);
void add_version(CLI::App& parent, Context& context);

// --- shared by commands ------------------------------------------------------------------------
struct Follow {
  std::chrono::milliseconds timeout = std::chrono::minutes(30);
};
// Waits for the end by long polls, with progress on a terminal; prints the last state and returns
// its exit code.
int follow_rollout(const Context& context, const AdminClient& client, const std::string& id,
                   const Follow& follow);
// Returns what --timeout says; anything but a duration is a usage error.
std::chrono::milliseconds timeout_of(const std::string& text);
// Says what a phase means for a script; nullopt while the rollout goes on.
std::optional<int> exit_code_of_phase(std::string_view phase);
// `name` is the id of a rollout, or a service, which stands for its active (else its latest)
// rollout.
std::string find_rollout(const AdminClient& client, const std::string& name);
// Stops sending a version new requests; with `wait`, waits until nothing is under way there, or
// exits with 5. Returns the last answer as it is.
boost::json::value drain_version(const AdminClient& client, const std::string& service,
                                 const std::string& version,
                                 std::optional<std::chrono::milliseconds> wait);
void add_replay(CLI::App& rollout, Context& context);
void print_rollout(const Context& context, const boost::json::value& rollout);

}  // namespace cutwater::cli
