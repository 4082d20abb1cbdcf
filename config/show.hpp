// Shows the effective configuration as JSON, with defaults filled in, for `GET /v1/config` and for
// people. For every secret it shows only where the secret comes from, and of URLs no keys
// (shown_url.hpp). The text is itself a configuration: parse() reads it back to the same Config,
// but for those keys. The functions are pure; any thread may call them.
#pragma once

#include <string>

#include "config/model.hpp"
#include "config/notify.hpp"

namespace cutwater::config {

std::string show_json(const Config& config, const Operations& operations = {});

}  // namespace cutwater::config
