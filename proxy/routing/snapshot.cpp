#include "proxy/routing/snapshot.hpp"

#include <algorithm>

namespace cutwater::routing {

bool ServiceSnapshot::has_flag_on(std::string_view flag) const {
  return std::any_of(flags.begin(), flags.end(), [flag](const FlagSnapshot& known) {
    return known.name == flag && known.is_on();
  });
}

std::vector<std::string> ServiceSnapshot::version_names() const {
  std::vector<std::string> names;
  for (const VersionSnapshot& version : versions) names.push_back(version.name);
  return names;
}

std::size_t ServiceSnapshot::find_version(std::string_view version) const {
  std::size_t i = 0;
  while (i < versions.size() && versions[i].name != version) ++i;
  return i;
}

}  // namespace cutwater::routing
