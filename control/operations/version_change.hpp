// Checks the body of a version's PUT and turns it into what is to be stored. It is pure and may run
// on any thread.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <variant>

#include "control/base/reply.hpp"
#include "control/store/version_state.hpp"

namespace cutwater::control {

struct VersionFacts {
  std::string version;          // which is meant; of any form, it is from the path
  const config::Service* file;  // its service as the file says
  const config::Service* now;   // and as it is in force
  std::string stable;           // of `now`
};

// Reads {"endpoints": ["http://10.0.0.7:8080", ...], "like": "blue"} and returns what is to be
// stored, or what is wrong with it. A version that the file does not name is spoken to (TLS,
// protocol, PROXY header) as `like` is; without `like` it is spoken to as before, and a new one as
// stable is.
std::variant<VersionState, Reply> read_version_change(const boost::json::object& body,
                                                      const VersionFacts& facts);

}  // namespace cutwater::control
