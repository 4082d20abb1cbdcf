// The effective configuration as JSON, defaults filled in, for `GET /v1/config` and people. Every
// secret is shown as where it comes from. The text is itself a configuration: parse() reads it
// back to the same Config. Pure, any thread.
#pragma once

#include <string>

#include "config/model.hpp"
#include "config/notify.hpp"

namespace cutwater::config {

std::string show_json(const Config& config, const Operations& operations = {});

}  // namespace cutwater::config
