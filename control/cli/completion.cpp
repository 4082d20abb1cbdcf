// Implements cutwater completion bash|zsh|fish: the scripts are made from the commands themselves,
// so that they are always complete.
#include "control/cli/commands.hpp"

#include <boost/algorithm/string/join.hpp>

namespace cutwater::cli {
namespace {

// Describes a command with what may follow it: "rollout start" -> {"--to", "--wait", ...}.
struct Entry {
  std::string path;  // words below the program, separated by blanks; empty for the program
  std::string name;  // the last word
  std::string help;
  std::vector<std::string> words;
};

void collect(const CLI::App& app, const std::string& path, std::vector<Entry>& entries) {
  Entry entry{path, app.get_name(), app.get_description(), {}};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* child : children) entry.words.push_back(child->get_name());
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) entry.words.push_back("--" + name);
    for (const auto& name : option->get_snames()) entry.words.push_back("-" + name);
  }
  if (entry.name == "completion") entry.words = {"bash", "zsh", "fish"};
  entries.push_back(std::move(entry));
  for (const auto* child : children) {
    collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), entries);
  }
}

// zsh runs the same function through bashcompinit, so there is one script to maintain instead of
// two.
std::string bash_script(const std::vector<Entry>& entries) {
  std::string text =
      "_cutwater() {\n"
      "  local word path='' last=${COMP_WORDS[COMP_CWORD]} i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case \"$path $word\" in\n";
  for (const auto& entry : entries) {
    if (!entry.path.empty()) text += "      ' " + entry.path + "') path=' " + entry.path + "' ;;\n";
  }
  // The pattern above reads " rollout" + " start" for a command within a command.
  text += "    esac\n  done\n  case \"$path\" in\n";
  for (const auto& entry : entries) {
    text += "    '" + (entry.path.empty() ? "" : " " + entry.path) + "') word='" +
            boost::algorithm::join(entry.words, " ") + "' ;;\n";
  }
  return text +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$word\" -- \"$last\")\n"
         "}\n"
         "complete -o default -F _cutwater cutwater\n";
}

std::string zsh_script(const std::vector<Entry>& entries) {
  std::string script = bash_script(entries);
  const std::string mapfile = "mapfile -t COMPREPLY < <(compgen -W \"$word\" -- \"$last\")";
  script.replace(script.find(mapfile), mapfile.size(),
                 "COMPREPLY=($(compgen -W \"$word\" -- \"$last\"))");
  return "#compdef cutwater\nautoload -U +X bashcompinit && bashcompinit\n" + script;
}

std::string fish_script(const std::vector<Entry>& entries) {
  std::string text = "complete -c cutwater -f\n";
  for (const auto& entry : entries) {
    std::string condition = "__fish_use_subcommand";
    if (!entry.path.empty()) condition = "__fish_seen_subcommand_from " + entry.name;
    for (const auto& word : entry.words) {
      text += "complete -c cutwater -n '" + condition + "' ";
      if (word.starts_with("--"))
        text += "-l " + word.substr(2) + "\n";
      else if (word.starts_with("-"))
        text += "-s " + word.substr(1) + "\n";
      else
        text += "-a " + word + "\n";
    }
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& parent, Context& context) {
  auto* command = parent.add_subcommand("completion", "Print completions for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &parent, &context] {
    std::vector<Entry> entries;
    collect(parent, "", entries);
    context.io.out << (*shell == "bash"  ? bash_script(entries)
                       : *shell == "zsh" ? zsh_script(entries)
                                         : fish_script(entries));
  });
}

}  // namespace cutwater::cli
