// Declares the commands that look back, as commands.hpp declares the others.
#pragma once

#include "control/cli/commands.hpp"

namespace cutwater::cli {

void add_dora(CLI::App& parent, Context& context);
void add_notify(CLI::App& parent, Context& context);

}  // namespace cutwater::cli
