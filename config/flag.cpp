#include "config/flag.hpp"

#include <algorithm>

namespace cutwater::config {

IdList::IdList(std::vector<std::string> ids, std::string file) : file_(std::move(file)) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids_ = std::make_shared<const std::vector<std::string>>(std::move(ids));
}

bool IdList::contains(std::string_view id) const {
  return std::binary_search(ids().begin(), ids().end(), id, std::less<std::string_view>());
}

const std::vector<std::string>& IdList::ids() const {
  static const std::vector<std::string> kNone;
  return ids_ ? *ids_ : kNone;
}

}  // namespace cutwater::config
