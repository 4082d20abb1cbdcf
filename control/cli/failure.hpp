// Defines the exit codes of the command line (control/cli/README.md), and the exception that
// carries one from anywhere in a command to the end of the program.
#pragma once

#include <stdexcept>
#include <string>

namespace cutwater::cli {

inline constexpr int kSucceeded = 0;
inline constexpr int kInternal = 1;
inline constexpr int kUsage = 2;       // also: a configuration with problems
inline constexpr int kRolledBack = 3;  // by a guard
inline constexpr int kAborted = 4;     // or rejected, by a person
inline constexpr int kStillGoing = 5;  // the timeout passed
inline constexpr int kWaitsForApproval = 6;
inline constexpr int kInconclusive = 7;  // or no traffic
inline constexpr int kConflict = 8;
inline constexpr int kNotAuthorised = 9;
inline constexpr int kUnreachable = 10;

struct Failure : std::runtime_error {
  Failure(int the_exit_code, const std::string& message)
      : std::runtime_error(message), exit_code(the_exit_code) {}
  int exit_code;
};

// Says what a refusal by the admin API means for a script.
constexpr int exit_code_of(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
    case 429:  // sent only for wrong tokens
      return kNotAuthorised;
    case 409:
    case 412:
    case 428:
      return kConflict;
    default:
      return http_status >= 400 && http_status < 500 ? kUsage : kInternal;
  }
}

}  // namespace cutwater::cli
