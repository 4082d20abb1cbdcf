// Finds what a reload cannot change in a running process. It is pure; any thread may call it.
#pragma once

#include <string>
#include <vector>

#include "config/model.hpp"

namespace cutwater::config {

// Returns the names of settings that differ and need a restart, as written in the file
// ("admin.listen"), in the file's order. If there are none, a reload is enough.
std::vector<std::string> restart_needed(const Config& running, const Config& next);

}  // namespace cutwater::config
