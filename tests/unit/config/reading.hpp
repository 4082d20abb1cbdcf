// Calls the parser for these tests: it gets a good file with one line added, and answers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "config/parse.hpp"

namespace cutwater::config {

using Names = std::map<std::string, std::string>;
using Lines = std::vector<std::string>;

inline Sources fake_sources(Names env = {}, Names files = {}) {
  return {.env = [env](const std::string& name) -> std::optional<std::string> {
            const auto found = env.find(name);
            return found == env.end() ? std::nullopt : std::optional(found->second);
          },
          .file = [files](const std::string& path) -> FileText {
            const auto found = files.find(path);
            if (found == files.end()) return FileText::failed("cannot be read: no such file");
            return found->second;
          }};
}

// Returns each problem as "line:column: message".
inline Lines problems_in(const std::string& text, const Sources& sources = fake_sources()) {
  Lines lines;
  const Parsed parsed = parse(text, "f", sources);
  EXPECT_EQ(parsed.config.has_value(), parsed.problems.empty());
  for (const Problem& problem : parsed.problems) lines.push_back(to_string(problem).substr(2));
  return lines;
}

inline Config read(const std::string& text, const Sources& sources = fake_sources()) {
  const Parsed parsed = parse(text, "f", sources);
  for (const Problem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  return parsed.config.value_or(Config{});
}

inline const std::string kGood =
    "listeners: [{listen: \"0.0.0.0:8080\"}]\n"
    "services:\n"
    "  shop:\n"
    "    versions: {blue: \"http://127.0.0.1:9001\", green: \"http://127.0.0.1:9002\"}\n";

// Returns the good file with `line` as line 5: at the top level, or in the service `shop` from
// column 5.
inline std::string with(const std::string& line) {
  return kGood + line + "\n";
}
inline std::string in_service(const std::string& line) {
  return kGood + "    " + line + "\n";
}

struct Case {
  std::string line;
  std::string problem;
};

}  // namespace cutwater::config
