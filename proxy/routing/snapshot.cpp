#include "proxy/routing/snapshot.hpp"

#include <algorithm>

namespace cutwater::routing {

bool ServiceSnapshot::has_flag_on(std::string_view flag) const {
  return std::any_of(flags.begin(), flags.end(), [flag](const FlagSnapshot& known) {
    return known.name == flag && known.is_on();
  });
}

bool ServiceSnapshot::ignores(std::string_view path) const {
  return std::any_of(ignored_paths.begin(), ignored_paths.end(), [path](std::string_view ignored) {
    if (!ignored.ends_with("/*")) return path == ignored;
    ignored.remove_suffix(1);
    return path.starts_with(ignored);
  });
}

bool ServiceSnapshot::decides_by(std::string_view field_name) const {
  const auto is_it = [&](bool by_header, const std::string& name) {
    return by_header && http::iequals(name, field_name);
  };
  const auto keyed = [&](const config::Sticky& key) {
    return is_it(key.key == config::Sticky::Key::Header, key.name);
  };
  if (keyed(sticky)) return true;
  if (preview && is_it(preview->by == config::Preview::By::Header, preview->key)) return true;
  return std::any_of(flags.begin(), flags.end(), [&](const FlagSnapshot& flag) {
    const bool by_header = flag.when && flag.when->source == config::FlagCondition::Source::Header;
    return keyed(flag.key) || (by_header && is_it(true, flag.when->name));
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
