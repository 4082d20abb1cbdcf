// Says where a version may run that was put somewhere at run time. Never at a link-local address or
// another one under which clouds keep credentials, never at a listener or the admin address of this
// process: what is sent there are the requests of users, and probes. A version that a deployer has
// put runs only where the policy says (`hosts`). Asked of each address a name has at a look-up, by
// the thread that looks up; pure but for the list of interfaces.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "control/snapshot/resolver.hpp"
#include "control/store/records.hpp"
#include "proxy/net/ip_address.hpp"

namespace cutwater::control {

struct OwnAddresses {
  std::vector<config::Address> listen;  // what we listen on, with the ports that were bound
  std::function<bool(const net::IpAddress&)> is_local;  // of this machine's interfaces
};
// The addresses that the file names; ports that are chosen at the start are not known here.
std::vector<config::Address> listen_addresses(const config::Config& config);
// Asks the system, at each call.
bool is_local_address(const net::IpAddress& ip);

// `hosts` is the policy's, where it binds who has put the version.
std::optional<ForbiddenPlace> forbidden_place(const config::Endpoint& endpoint,
                                              const SocketAddress& address, const OwnAddresses& own,
                                              const std::optional<std::vector<std::string>>& hosts);

// The policy's word on the version: none unless a deployer has put it.
std::optional<std::vector<std::string>> hosts_for(const config::Config& config,
                                                  const config::Service& service,
                                                  const VersionState& where);

// What resolve_endpoints() asks. `states` are the services with what was put at run time; what the
// file says is not judged. `put` is the service and version that is being put: its addresses are
// asked even if they were looked up before. The arguments must outlive the rule.
PlaceRule place_rule(const config::Config& config,
                     std::function<const ServiceState*(const std::string&)> state_of,
                     OwnAddresses own, std::pair<std::string, std::string> put = {});

}  // namespace cutwater::control
