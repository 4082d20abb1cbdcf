// Implements cutwater versions list|put|remove: which versions a service has, and where they run.
#include "control/cli/commands.hpp"

#include <boost/algorithm/string/join.hpp>

#include "control/base/json_text.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct VersionOptions {
  std::string service, version;
  std::vector<std::string> endpoints;
  std::string like;
  std::string if_match;
  std::string timeout = "5m";
};

void list_versions(const VersionOptions& options, Context& context) {
  const json::value service = context.client().get("/v1/services/" + escaped(options.service)).body;
  if (context.json()) return context.print(member(service, "versions"));
  Table table({{"VERSION"}, {"WEIGHT", Ink::Plain, true}, {"BY"}, {"ENDPOINT"}, {"HEALTH"}});
  for (const auto& version : list_of(member(service, "versions"))) {
    std::string name = text_of(version, "name");
    std::string weight = percent_text(number_of(version, "weight"));
    std::string by = text_of(version, "endpoints_by");
    for (const auto& endpoint : list_of(member(version, "endpoints"))) {
      const bool healthy = is_true(endpoint, "healthy");
      table.add({{std::exchange(name, ""), Ink::Bold},
                 {std::exchange(weight, ""), Ink::Plain, true},
                 {std::exchange(by, "")},
                 {text_of(endpoint, "url")},
                 {healthy ? "healthy" : "unhealthy", healthy ? Ink::Good : Ink::Bad}});
    }
  }
  table.print(context.io, context.colour());
}

void put_version(const VersionOptions& options, Context& context) {
  json::object body{{"endpoints", json::array(options.endpoints.begin(), options.endpoints.end())}};
  if (!options.like.empty()) body["like"] = options.like;
  // Without a generation from the caller, use the present one: the whole version is written.
  const std::string tag = options.if_match.empty() ? "*" : "\"" + options.if_match + "\"";
  const auto answer =
      context.client().demand({.method = "PUT",
                               .target = version_path(options.service, options.version),
                               .body = control::to_text(body),
                               .headers = {{"If-Match", tag}}});
  if (context.json()) return context.print(answer.body);
  context.say(options.version + " of " + options.service + " runs at " +
              boost::algorithm::join(options.endpoints, ", ") +
              (answer.status == 201 ? "; it is new and has no traffic yet" : ""));
}

// Asks first whether the version may be removed, so that it is not drained for nothing.
void remove_version(const VersionOptions& options, Context& context) {
  const AdminClient client = context.client();
  const auto remove = [&](const char* query) {
    return client.demand({.method = "DELETE",
                          .target = version_path(options.service, options.version) + query,
                          .headers = {{"If-Match", "*"}}});
  };
  remove("?dry_run=true");
  drain_version(client, options.service, options.version, timeout_of(options.timeout));
  const auto answer = remove("");
  if (context.json()) return context.print(answer.body);
  context.say(options.version + " of " + options.service + " is removed");
}

}  // namespace

void add_versions(CLI::App& parent, Context& context) {
  auto* versions = parent.add_subcommand("versions", "Which versions a service has, and where");
  versions->require_subcommand(1);
  const auto add = [versions, &context](const char* name, const char* help, auto run) {
    auto* command = versions->add_subcommand(name, help);
    auto options = std::make_shared<VersionOptions>();
    command->add_option("service", options->service)->required();
    command->callback([options, run, &context] { run(*options, context); });
    return std::pair(command, options);
  };
  add("list", "The versions of a service, their endpoints and health", list_versions);
  const auto [put_command, put_options] =
      add("put", "Say where a version runs; makes it, without traffic, when there is none",
          put_version);
  put_command->add_option("version", put_options->version)->required();
  put_command->add_option("endpoints", put_options->endpoints, "http://HOST:PORT ...")->required();
  put_command->add_option("--like", put_options->like,
                          "A new version: spoken to (TLS, protocol) as this one; else as stable");
  put_command->add_option("--if-match", put_options->if_match,
                          "Only if this is still the generation (else exit 8)");
  const auto [remove_command, remove_options] =
      add("remove", "Drain a version, wait until nothing is under way there, and remove it",
          remove_version);
  remove_command->add_option("version", remove_options->version)->required();
  remove_command->add_option("--timeout", remove_options->timeout,
                             "Exit 5 when it is not drained after this (5m)");
}

}  // namespace cutwater::cli
