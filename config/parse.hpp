// Turns text into a validated Config. It reports every problem at once, each with its place and
// what was meant. It reads the environment and secret files through `Sources`, so tests need
// neither. Any thread may call it; it keeps nothing between calls. It never throws because of the
// text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "config/notify.hpp"
#include "config/report.hpp"
#include "config/sources.hpp"

namespace cutwater::config {

struct Parsed {
  std::optional<Config> config;   // set if and only if `problems` is empty
  std::vector<Problem> problems;  // in file order, at most 1000 followed by "N more"
  Operations operations = {};     // belongs to `config`
};

Parsed parse(std::string_view text, const std::string& file, const Sources& sources);
// Reads `path` (at most 1 MiB) and parses it.
Parsed load(const std::string& path, const Sources& sources = system_sources());

}  // namespace cutwater::config
