// Runs the command line against a real AdminServer with a fake behind it, in one process.
#pragma once

#include <sstream>

#include "control/cli/cli.hpp"
#include "control/cli/failure.hpp"
#include "tests/unit/admin/admin_harness.hpp"

namespace cutwater::cli {

using control::admin_with_tokens;
using control::FakeResources;
using control::local_admin;
using control::problem;
using control::RunningAdmin;

struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

struct Surroundings {
  std::map<std::string, std::string> environment = {};
  bool terminal = false;
  std::size_t columns = 80;
};

inline Ran run(const std::vector<std::string>& arguments, const Surroundings& around = {}) {
  std::ostringstream out;
  std::ostringstream err;
  Io io{out,
        err,
        around.terminal,
        around.terminal,
        [&around](const std::string& name) -> std::optional<std::string> {
          const auto found = around.environment.find(name);
          if (found == around.environment.end()) return std::nullopt;
          return found->second;
        },
        around.columns};
  Ran ran;
  ran.exit_code = run_cli(arguments, io);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

// Runs `cutwater ARGUMENTS --admin URL`.
inline Ran run_at(const RunningAdmin& admin, std::vector<std::string> arguments,
                  Surroundings around = {}) {
  around.environment["CUTWATER_ADMIN"] = admin.url();
  return run(arguments, around);
}

}  // namespace cutwater::cli
