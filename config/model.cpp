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

std::set<std::string> Version::urls() const {
  std::set<std::string> out;
  for (const Endpoint& endpoint : endpoints) out.insert(endpoint.url);
  return out;
}

const Version* Service::find_version(const std::string& version) const {
  return find_by_name(versions, version);
}

const Flag* Service::find_flag(const std::string& flag) const {
  return find_by_name(flags, flag);
}

const Service* Config::find_service(const std::string& service) const {
  return find_by_name(services, service);
}

}  // namespace cutwater::config
