#include "control/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iterator>

#include "control/base/json_text.hpp"
#include "control/cli/history_commands.hpp"

namespace cutwater::cli {
namespace {

constexpr const char* kDefaultAdmin = "http://127.0.0.1:9901";
constexpr const char* kExitCodes =
    "Exit codes: 0 succeeded, 1 internal, 2 usage or configuration, 3 rolled back by a guard,\n"
    "4 aborted by a person, 5 timeout while still progressing, 6 waiting for approval,\n"
    "7 inconclusive or no traffic, 8 conflict, 9 not authorised, 10 proxy unreachable.";

void add_global_options(CLI::App& app, Context& context) {
  app.add_option("--admin", context.admin_url,
                 "Admin API: http[s]://HOST:PORT or unix:PATH (env CUTWATER_ADMIN, default " +
                     std::string(kDefaultAdmin) + ")");
  app.add_option("--token-file", context.token_file,
                 "File with the token (otherwise env CUTWATER_TOKEN)");
  app.add_option("--ca", context.ca,
                 "With https: PEM file with who may vouch for the proxy (env CUTWATER_CA, default "
                 "the system's)");
  app.add_option("--client-cert", context.client_cert,
                 "With https: our own certificate, a PEM file (env CUTWATER_CLIENT_CERT)");
  app.add_option("--client-key", context.client_key,
                 "Key of --client-cert (env CUTWATER_CLIENT_KEY, default in the same file)");
  app.add_option("--output", context.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

void add_commands(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  app.fallthrough();  // --admin and friends may follow the command
  for (auto* add : {add_run, add_check, add_status, add_weights, add_rollout, add_rollback,
                    add_explain, add_flag, add_history, add_dora, add_notify, add_drain, add_unlock,
                    add_versions, add_reload, add_completion, add_version}) {
    add(app, context);
  }
}

// Each command's help names the options that every command has, as the program's own help does.
void name_global_options(CLI::App& command, const std::string& text) {
  const std::string own = command.get_footer();
  command.footer(own.empty() ? text : own + "\n" + text);
  for (auto* below : command.get_subcommands([](CLI::App*) { return true; }))
    name_global_options(*below, text);
}

std::string global_options_text(const CLI::App& app) {
  std::string text;
  for (const auto* option : app.get_options())
    if (option->get_name() != "--help" && !option->get_name().empty())
      text += "\n  " + option->get_name() + "  " + option->get_description();
  return "Options of every command:" + text;
}

}  // namespace

bool Context::colour() const {
  const auto no_color = io.env("NO_COLOR");  // no-color.org: set and not empty
  return io.out_is_terminal && (!no_color || no_color->empty());
}

AdminClient Context::client() const {
  const auto said = [this](const std::string& option, const char* variable) {
    return option.empty() ? io.env(variable).value_or("") : option;
  };
  std::string url = said(admin_url, "CUTWATER_ADMIN");
  if (url.empty()) url = kDefaultAdmin;
  config::UpstreamTls tls;
  tls.ca = said(ca, "CUTWATER_CA");
  tls.client.cert = said(client_cert, "CUTWATER_CLIENT_CERT");
  tls.client.key = said(client_key, "CUTWATER_CLIENT_KEY");
  std::string token = io.env("CUTWATER_TOKEN").value_or("");
  if (!token_file.empty()) {
    std::ifstream file(token_file);
    token.assign(std::istreambuf_iterator<char>(file), {});
    if (!file.is_open() || file.bad()) throw Failure(kUsage, "cannot read " + token_file);
    if (token.ends_with('\n')) token.pop_back();
    if (token.ends_with('\r')) token.pop_back();
    if (token.empty()) throw Failure(kUsage, token_file + " is empty");
  }
  return AdminClient(std::move(url), std::move(token), tls);
}

void Context::print(const boost::json::value& value) const {
  io.out << control::to_text(value) << "\n";
}

void Context::say(const std::string& line) const {
  (json() ? io.err : io.out) << line << "\n";
}

int run_cli(std::vector<std::string> arguments, Io io) {
  Context context{std::move(io)};
  CLI::App app("Cutwater parts traffic between versions of a service and turns it back by itself.",
               "cutwater");
  app.footer(kExitCodes);
  add_global_options(app, context);
  add_commands(app, context);
  for (auto* command : app.get_subcommands([](CLI::App*) { return true; }))
    name_global_options(*command, global_options_text(app));
  std::ranges::reverse(arguments);  // CLI11 takes the arguments from the back
  try {
    app.parse(std::move(arguments));
    context.io.out.flush();
    return context.exit_code;
  } catch (const CLI::ParseError& problem) {
    const int code = app.exit(problem, context.io.out, context.io.err);
    return code == 0 ? kSucceeded : kUsage;
  } catch (const Failure& failure) {
    context.io.err << "cutwater: " << failure.what() << "\n";
    return failure.exit_code;
  } catch (const std::exception& failure) {
    context.io.err << "cutwater: internal error: " << failure.what() << "\n";
    return kInternal;
  }
}

}  // namespace cutwater::cli
