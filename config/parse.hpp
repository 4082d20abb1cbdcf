// Turns text into a validated Config. It reports every problem at once, each with its place and
// what was meant. It reads the environment and secret files through `Sources`, so tests need
// neither. Any thread may call it; it keeps nothing between calls. It never throws because of the
// text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "config/notify.hpp"

namespace cutwater::config {

struct Problem {
  std::string file;
  int line = 0;         // 1-based; 0 when the problem belongs to the whole file
  int column = 0;       // 1-based
  std::string message;  // what is wrong, what was meant
};

// Returns "file:line:column: message".
std::string to_string(const Problem& problem);

// Holds a secret file's text, or why it may not be read ("cannot be read: No such file or
// directory").
struct FileText {
  std::optional<std::string> text;
  std::string error;

  FileText(std::string read) : text(std::move(read)) {}
  FileText(const char* read) : text(read) {}
  FileText(std::optional<std::string> read) : text(std::move(read)) {}
  FileText(std::nullopt_t) {}
  static FileText failed(std::string why) {
    FileText result{std::nullopt};
    result.error = std::move(why);
    return result;
  }
};

// Reads a list of ids, which is not secret: everybody may read it. It has at most 4 MiB.
FileText read_list_file(const std::string& path);

struct Sources {
  std::function<std::optional<std::string>(const std::string& name)> env;
  std::function<FileText(const std::string& path)> file;  // secrets
  std::function<FileText(const std::string& path)> list = read_list_file;
};
// Uses the process environment and the file system. A secret file that everybody may read is
// refused, except below /run/secrets and $CREDENTIALS_DIRECTORY, where the directory protects it.
Sources system_sources();

struct Parsed {
  std::optional<Config> config;   // set if and only if `problems` is empty
  std::vector<Problem> problems;  // in file order, at most 1000 followed by "N more"
  Operations operations = {};     // belongs to `config`
};

Parsed parse(std::string_view text, const std::string& file, const Sources& sources);
// Reads `path` (at most 1 MiB) and parses it.
Parsed load(const std::string& path, const Sources& sources = system_sources());

}  // namespace cutwater::config
