// Shows a URL to people who may not know what is secret in it. It is pure; any thread may call it.
#pragma once

#include <string>
#include <string_view>

namespace cutwater::config {

// Keeps scheme, host, path and the names of the query's parameters; writes "***" for the values of
// the parameters, and for each segment of the path that looks like a key: Slack, Discord and Teams
// put theirs there. A segment looks like one when it has 20 characters or more, letters and digits
// among them, and nothing but [A-Za-z0-9_-]. "***" again stays "***".
std::string shown_url(std::string_view url);

}  // namespace cutwater::config
