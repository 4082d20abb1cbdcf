#include "config/sections.hpp"

#include <algorithm>

namespace cutwater::config {
namespace {

constexpr std::string_view kHow =
    "a secret is never written here: use \"${env:NAME}\" or \"${file:/path}\"";

struct Reference {
  enum class From { Env, File } from;
  std::string name;
};

bool is_env_name(std::string_view text) {
  const auto letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  return !text.empty() && (letter(text[0]) || text[0] == '_') &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || c == '_' || (c >= '0' && c <= '9'); });
}

std::optional<Reference> parse_reference(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) return std::nullopt;
  text = text.substr(2, text.size() - 3);
  if (text.starts_with("env:") && is_env_name(text.substr(4))) {
    return Reference{Reference::From::Env, std::string(text.substr(4))};
  }
  if (text.starts_with("file:/") && text.find_first_of("${}") == std::string_view::npos) {
    return Reference{Reference::From::File, std::string(text.substr(5))};
  }
  return std::nullopt;
}

// Says why `value` cannot be a secret; "" when it is fine.
std::string_view value_problem(std::string_view value) {
  if (value.empty()) return "is empty";
  const bool clean =
      std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  return clean ? "" : "contains a blank, a control character or a character outside ASCII";
}

void trim_one_newline(std::string& text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

}  // namespace

std::optional<Secret> read_secret(const Fields& fields, std::string_view key,
                                  const Sources& sources) {
  const Node* node = fields.require(key);
  if (!node) return std::nullopt;
  const auto fail = [&](const std::string& message) {
    fields.report().add(node->place, "`" + std::string(key) + "`: " + message);
    return std::nullopt;
  };
  if (node->kind != Node::Kind::Scalar) return fail(std::string(kHow));
  const auto reference = parse_reference(node->text);
  if (!reference) return fail(std::string(kHow));

  Secret secret{.value = {}, .origin = node->text};
  std::string source;
  if (reference->from == Reference::From::Env) {
    source = "environment variable `" + reference->name + "`";
    const auto value = sources.env ? sources.env(reference->name) : std::nullopt;
    if (!value) return fail(source + " is not set");
    secret.value = *value;
  } else {
    source = "file `" + reference->name + "`";
    FileText file = sources.file ? sources.file(reference->name) : FileText{std::nullopt};
    if (!file.text)
      return fail(source + " " + (file.error.empty() ? "cannot be read" : file.error));
    secret.value = std::move(*file.text);
    trim_one_newline(secret.value);
  }
  if (const auto problem = value_problem(secret.value); !problem.empty()) {
    return fail(source + " " + std::string(problem));
  }
  return secret;
}

}  // namespace cutwater::config
