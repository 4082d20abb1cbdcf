#include "proxy/routing/snapshot.hpp"

namespace cutwater::routing {

std::size_t ServiceSnapshot::find_version(std::string_view version) const {
  std::size_t i = 0;
  while (i < versions.size() && versions[i].name != version) ++i;
  return i;
}

}  // namespace cutwater::routing
