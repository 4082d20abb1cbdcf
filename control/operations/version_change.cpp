#include "control/operations/version_change.hpp"

#include "config/fields.hpp"
#include "config/names.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

Reply invalid_version(const std::string& detail) {
  return problem(422, "invalid_version", detail);
}

struct VersionBody {
  std::vector<std::string> endpoints;  // URLs
  std::string like;                    // empty: not said
};

std::variant<VersionBody, Reply> read_body(const json::object& body) {
  VersionBody out;
  std::vector<config::Endpoint> endpoints;
  for (const auto& [key, value] : body) {
    if (key == "endpoints" && value.is_array()) {
      if (value.as_array().size() > config::kMaxEntries)
        return invalid_version("`endpoints` has more than " + std::to_string(config::kMaxEntries) +
                               " entries");
      for (const auto& url : value.as_array()) {
        const auto wrong = config::add_endpoint(endpoints, url.is_string() ? url.as_string() : "");
        if (wrong) return invalid_version(wrong->message);
      }
    } else if (key == "like" && value.is_string()) {
      out.like = std::string(value.as_string());
    } else {
      return invalid_version("`" + std::string(key) +
                             "`: known are `endpoints`, a list of URLs such as "
                             "\"http://10.0.0.7:8080\", and `like`, the name of a version");
    }
  }
  if (endpoints.empty()) return invalid_version("`endpoints` needs at least one URL");
  for (auto& endpoint : endpoints) out.endpoints.push_back(std::move(endpoint.url));
  return out;
}

}  // namespace

std::variant<VersionState, Reply> read_version_change(const json::object& body,
                                                      const VersionFacts& facts) {
  const config::Service& now = *facts.now;
  if (!config::is_name(facts.version))
    return invalid_version("the name of the version: " + std::string(config::kNameRule));
  auto read = read_body(body);
  if (auto* refused = std::get_if<Reply>(&read)) return std::move(*refused);
  auto& [endpoints, like] = std::get<VersionBody>(read);
  VersionState state{std::move(endpoints), {}};
  state.in_file = facts.file->urls_of(facts.version);
  if (!state.in_file.empty()) {
    if (like.empty()) return state;
    return invalid_version("`like`: how `" + facts.version + "` is spoken to is said in the file");
  }
  const bool is_new = now.find_version(facts.version) == nullptr;
  if (is_new && now.versions.size() >= config::Service::kMostVersions)
    return problem(409, "too_many_versions",
                   "`" + now.name + "` has " + std::to_string(now.versions.size()) +
                       " versions, which is all it may have; remove one");
  if (like.empty()) like = is_new ? facts.stable : facts.version;
  const config::Version* model = now.find_version(like);
  if (model == nullptr) return invalid_version("`like`: there is no version `" + like + "`");
  state.tls = model->tls;
  state.send_proxy = model->send_proxy;
  state.protocol = model->protocol;
  return state;
}

}  // namespace cutwater::control
