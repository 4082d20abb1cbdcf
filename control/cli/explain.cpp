// Implements cutwater explain SERVICE --path / --cookie a=b: which version a request would get, and
// why.
#include "control/cli/commands.hpp"

namespace cutwater::cli {
namespace json = boost::json;
namespace {

struct ExplainOptions {
  std::string service;
  std::string method = "GET";
  std::string host;
  std::string path = "/";
  std::vector<std::string> cookies;
  std::vector<std::string> headers;
};

// Adds "name<separator>value" to `into`; blanks around the value do not count.
void add_pair(json::object& into, const std::string& text, char separator,
              const std::string& example) {
  const std::size_t split = text.find(separator);
  if (split == text.npos || split == 0) {
    throw Failure(kUsage, "'" + text + "' is not of the form " + example);
  }
  const std::size_t value = text.find_first_not_of(' ', split + 1);
  into[text.substr(0, split)] = value == text.npos ? std::string() : text.substr(value);
}

void explain(const ExplainOptions& options, Context& context) {
  json::object cookies;
  json::object headers;
  for (const auto& cookie : options.cookies) add_pair(cookies, cookie, '=', "name=value");
  for (const auto& header : options.headers) add_pair(headers, header, ':', "'Name: value'");
  json::object request{{"method", options.method},
                       {"path", options.path},
                       {"headers", std::move(headers)},
                       {"cookies", std::move(cookies)}};
  if (!options.host.empty()) request["host"] = options.host;
  const json::value answer =
      context.client().post("/v1/services/" + escaped(options.service) + ":explain", request).body;
  if (context.json()) {
    context.print(answer);
    return;
  }
  const std::string version = text_of(answer, "version");
  const std::string to = version.empty() ? "to no version" : "to version " + version;
  context.io.out << options.method << " " << options.host << options.path << " goes " << to
                 << " of " << options.service << ": " << text_of(answer, "text") << ".\n";
}

}  // namespace

void add_explain(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("explain", "Which version a request would get, and why");
  auto options = std::make_shared<ExplainOptions>();
  command->add_option("service", options->service)->required();
  command->add_option("--method", options->method, "GET");
  command->add_option("--host", options->host, "Host of the request");
  command->add_option("--path", options->path, "Path of the request (/)");
  command->add_option("--cookie", options->cookies, "name=value; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--header", options->headers, "'Name: value'; may be repeated")
      ->allow_extra_args(false);
  command->callback([options, &context] { explain(*options, context); });
}

}  // namespace cutwater::cli
