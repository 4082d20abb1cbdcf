// Says where a version of a service runs, as set at run time (PUT and DELETE of a version). It is
// stored with its service, so it holds over restarts; but the file has the last word: a change
// holds until the file says something else of this version than it said then.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/model.hpp"

namespace cutwater::control {

struct VersionState {
  std::vector<std::string> endpoints;  // URLs as asked for; none if the version was removed
  std::set<std::string> in_file;       // what the file said then; none if it did not name the
                                       // version
  // Says how a version that the file does not name is spoken to. (For others the file says it.)
  config::UpstreamTls tls = {};
  config::SendProxy send_proxy = config::SendProxy::Off;
  config::UpstreamProtocol protocol = config::UpstreamProtocol::Http1;
  // The policy for deployers says where it may run, at each look-up.
  bool by_deployer = false;

  bool removed() const { return endpoints.empty(); }
  friend bool operator==(const VersionState&, const VersionState&) = default;
};
using VersionStates = std::map<std::string, VersionState>;  // by version; if absent, as in the file

boost::json::object to_json(const VersionState& state);
// Throws std::exception when the value is not a version's state.
VersionState version_state_from_json(const boost::json::value& json);

// Takes out the changes that do not hold any more, and returns them: the file says something else
// now, or a flag or the mirror of the file sends requests to a removed version.
VersionStates take_overruled(VersionStates& states, const config::Service& file);
// Returns the service as it is in force; `states` fit the file. Added versions come last, by name.
config::Service with_changes(config::Service file, const VersionStates& states);
std::vector<config::Endpoint> endpoints_of(const VersionState& state);
// Names what in the file sends requests to this version, whatever the weights: "flag `beta`", "the
// mirror"; empty if nothing does.
std::string sender_to(const config::Service& service, const std::string& version);

}  // namespace cutwater::control
