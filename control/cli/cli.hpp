// Implements the command line: `cutwater run` is the proxy, every other command talks to its admin
// API. It runs on the main thread and returns the exit code.
#pragma once

#include <string>
#include <vector>

#include "control/cli/output.hpp"

namespace cutwater::cli {

// `arguments` do not include the program's name.
int run_cli(std::vector<std::string> arguments, Io io);

}  // namespace cutwater::cli
