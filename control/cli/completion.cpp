// Implements cutwater completion bash|zsh|fish: the scripts are made from the commands themselves,
// so that they are always complete. Names of services and versions are asked of the proxy by
// `cutwater completion --names`.
#include "control/cli/commands.hpp"

#include <algorithm>
#include <boost/algorithm/string/join.hpp>
#include <map>

namespace cutwater::cli {
namespace {

using Words = std::vector<std::string>;

// Describes a command with what may follow it: "rollout start" -> {"--to", "--wait", ...}.
struct Entry {
  std::string path;  // words below the program, separated by blanks; empty for the program
  std::string name;  // the last word
  Words words;
  Words positionals;  // their names, in order: "service", "version"
};

// Everything that the scripts know.
struct Grammar {
  std::vector<Entry> entries;
  std::map<std::string, Words> values;  // of options that take one of a list, by "--option"
  std::vector<std::string> valued;      // the options that are followed by a value
};

// CLI11 describes a list of values as "TEXT:{table,json}".
Words values_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  Words out;
  if (open == type.npos || close == type.npos) return out;
  for (std::size_t from = open + 1; from < close;) {
    const std::size_t comma = std::min(type.find(',', from), close);
    out.push_back(type.substr(from, comma - from));
    from = comma + 1;
  }
  return out;
}

void collect_option(const CLI::Option& option, Entry& entry, Grammar& grammar) {
  if (option.get_positional()) {
    entry.positionals.push_back(option.get_name(true));
    const Words values = values_of(option);
    entry.words.insert(entry.words.end(), values.begin(), values.end());
  }
  Words names;
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : names) {
    entry.words.push_back(name);
    if (option.get_items_expected_max() > 0) grammar.valued.push_back(name);
    for (const std::string& value : values_of(option)) {
      Words& known = grammar.values[name];
      if (std::find(known.begin(), known.end(), value) == known.end()) known.push_back(value);
    }
  }
}

void collect(const CLI::App& app, const std::string& path, Grammar& grammar) {
  Entry entry{path, app.get_name(), {}, {}};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* child : children) entry.words.push_back(child->get_name());
  for (const auto* option : app.get_options()) collect_option(*option, entry, grammar);
  grammar.entries.push_back(std::move(entry));
  for (const auto* child : children)
    collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), grammar);
}

std::string joined(const Words& words) {
  return boost::algorithm::join(words, " ");
}

// Says where the path and the words before the cursor lead: `path`, `service`, and in `count` how
// many words are neither commands nor options.
std::string bash_walk(const Grammar& grammar) {
  std::string text =
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case \"$path $word\" in\n";
  // The pattern reads " rollout" + " start" for a command within a command.
  for (const auto& entry : grammar.entries)
    if (!entry.path.empty())
      text += "      ' " + entry.path + "') path=' " + entry.path + "'; continue ;;\n";
  return text +
         "    esac\n"
         "    [[ $word == -* || \" $valued \" == *\" ${COMP_WORDS[i-1]} \"* ]] && continue\n"
         "    count=$((count + 1))\n"
         "    [ $count = 1 ] && service=$word\n"
         "  done\n";
}

// Names come from the proxy; it is not asked while an option is typed.
constexpr const char* kBashNames =
    "  [[ $last == -* ]] && names=''\n"
    "  case $names in\n"
    "    service|rollout) word=\"$word $(\"${COMP_WORDS[0]}\" completion --names services "
    "2>/dev/null)\" ;;\n"
    "    version|weights) word=\"$word $(\"${COMP_WORDS[0]}\" completion --names versions "
    "--of \"$service\" 2>/dev/null)\" ;;\n"
    "  esac\n";

// zsh runs the same function through bashcompinit, so there is one script to maintain instead of
// two.
std::string bash_script(const Grammar& grammar) {
  std::string text =
      "_cutwater() {\n"
      "  local word path='' service='' count=0 names='' places='' i\n"
      "  local last=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local valued='" +
      joined(grammar.valued) + "'\n" + bash_walk(grammar) + "  case \"$path\" in\n";
  for (const auto& entry : grammar.entries)
    text += "    '" + (entry.path.empty() ? "" : " " + entry.path) + "') word='" +
            joined(entry.words) + "' places='" + joined(entry.positionals) + "' ;;\n";
  text +=
      "  esac\n"
      "  i=0\n"
      "  for names in $places ''; do [ $i = $count ] && break; i=$((i + 1)); done\n"
      "  case $before in\n";
  for (const auto& [option, values] : grammar.values)
    text += "    " + option + ") word='" + joined(values) + "' names='' ;;\n";
  return text +
         "    --to|--like) word='' names=version ;;\n"
         "  esac\n" +
         kBashNames +
         "  mapfile -t COMPREPLY < <(compgen -W \"$word\" -- \"$last\")\n"
         "}\n"
         "complete -o default -F _cutwater cutwater\n";
}

std::string zsh_script(const Grammar& grammar) {
  std::string script = bash_script(grammar);
  const std::string mapfile = "mapfile -t COMPREPLY < <(compgen -W \"$word\" -- \"$last\")";
  script.replace(script.find(mapfile), mapfile.size(),
                 "COMPREPLY=($(compgen -W \"$word\" -- \"$last\"))");
  // zsh does not split `$places` into words by itself.
  script.replace(script.find("  local word"), 0, "  setopt localoptions shwordsplit\n");
  return "#compdef cutwater\nautoload -U +X bashcompinit && bashcompinit\n" + script;
}

std::string fish_word(const Grammar& grammar, const std::string& word) {
  const auto values = grammar.values.find(word);
  const std::string takes =
      values == grammar.values.end() ? "" : " -x -a '" + joined(values->second) + "'";
  if (word == "--to" || word == "--like")
    return "-l " + word.substr(2) + " -x -a '(cutwater completion --names versions)'";
  if (word.starts_with("--")) return "-l " + word.substr(2) + takes;
  if (word.starts_with("-")) return "-s " + word.substr(1) + takes;
  return "-a " + word;
}

std::string fish_script(const Grammar& grammar) {
  std::string text = "complete -c cutwater -f\n";
  for (const auto& entry : grammar.entries) {
    std::string condition = "__fish_use_subcommand";
    if (!entry.path.empty()) condition = "__fish_seen_subcommand_from " + entry.name;
    const std::string begin = "complete -c cutwater -n '" + condition + "' ";
    for (const auto& word : entry.words) text += begin + fish_word(grammar, word) + "\n";
    for (const auto& place : entry.positionals) {
      if (place == "service" || place == "rollout")
        text += begin + "-a '(cutwater completion --names services)'\n";
      if (place == "version" || place == "weights")
        text += begin + "-a '(cutwater completion --names versions)'\n";
    }
  }
  return text;
}

struct Names {
  std::string kind;  // services, versions
  std::string of;    // the versions of this service; empty: of all
};

// Prints nothing when the proxy does not answer: somebody is typing.
void print_names(const Names& asked, Context& context) {
  boost::json::value answer;
  try {
    answer = context.client().get("/v1/services").body;
  } catch (const Failure&) {
    return;
  }
  for (const auto& service : list_of(member(answer, "services"))) {
    if (asked.kind == "services") context.io.out << text_of(service, "name") << "\n";
    if (asked.kind == "services" || (!asked.of.empty() && asked.of != text_of(service, "name")))
      continue;
    for (const auto& version : list_of(member(service, "versions")))
      context.io.out << text_of(version, "name") << "\n";
  }
}

}  // namespace

void add_completion(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("completion", "Print completions for a shell");
  auto shell = std::make_shared<std::string>();
  auto names = std::make_shared<Names>();
  auto* asks_names = command
                         ->add_option("--names", names->kind,
                                      "Print what the proxy has instead: services or versions")
                         ->check(CLI::IsMember({"services", "versions"}));
  command->add_option("--of", names->of, "With --names versions: of this service")
      ->needs(asks_names);
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, names, &parent, &context] {
    if (!names->kind.empty()) return print_names(*names, context);
    if (shell->empty()) throw Failure(kUsage, "which shell: bash, zsh or fish?");
    Grammar grammar;
    collect(parent, "", grammar);
    context.io.out << (*shell == "bash"  ? bash_script(grammar)
                       : *shell == "zsh" ? zsh_script(grammar)
                                         : fish_script(grammar));
  });
}

}  // namespace cutwater::cli
