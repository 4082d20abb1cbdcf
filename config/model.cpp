#include "config/model.hpp"

#include <algorithm>

namespace cutwater::config {
namespace {

template <typename Named>
const Named* find_by_name(const std::vector<Named>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::string url_host(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string to_string(const Address& address) {
  return url_host(address.host) + ":" + std::to_string(address.port);
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::Viewer:
      return "viewer";
    case Role::Deployer:
      return "deployer";
    case Role::Approver:
      return "approver";
    case Role::Admin:
      return "admin";
  }
  return "";
}

const Version* Service::find_version(const std::string& version) const {
  return find_by_name(versions, version);
}

std::set<std::string> Service::urls_of(const std::string& version) const {
  std::set<std::string> out;
  if (const Version* found = find_version(version))
    for (const Endpoint& endpoint : found->endpoints) out.insert(endpoint.url);
  return out;
}

const Flag* Service::find_flag(const std::string& flag) const {
  return find_by_name(flags, flag);
}

const Service* Config::find_service(const std::string& service) const {
  return find_by_name(services, service);
}

}  // namespace cutwater::config
