// Runs `cutwater run`: it puts config, store, workers, control plane and admin server together and
// lives until SIGTERM/SIGINT (drain) or a fatal error. SIGHUP reloads, SIGUSR1 reopens the access
// log.
#pragma once

#include "control/base/run_options.hpp"

namespace cutwater::control {

int run_app(const RunOptions& options);

}  // namespace cutwater::control
