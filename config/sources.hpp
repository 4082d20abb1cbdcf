// Gives a parse what stands outside of the configuration file: the environment, secret files, lists
// of ids. Tests give their own, and need neither. Any thread may call the functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace cutwater::config {

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

}  // namespace cutwater::config
