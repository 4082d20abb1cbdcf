// What a reload cannot change in a running process. Pure, any thread.
#pragma once

#include <string>
#include <vector>

#include "config/model.hpp"

namespace cutwater::config {

// Names of settings that differ and need a restart, as written in the file ("admin.listen"), in
// the file's order. Empty: a reload is enough.
std::vector<std::string> restart_needed(const Config& running, const Config& next);

}  // namespace cutwater::config
