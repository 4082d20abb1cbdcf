#include "control/admin/route.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace cutwater::control::admin {
namespace http = boost::beast::http;
namespace urls = boost::urls;
namespace {

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

// Compares one pattern segment ("weights", "{id}", "{id}:pause", "proxy:drain") with one of the
// path. A raw ':' always starts a verb, so "{id}" never swallows a verb; a name with ':' is sent as
// %3A.
bool match_segment(std::string_view pattern, std::string_view segment,
                   std::vector<std::string>& vars) {
  if (pattern.empty() || pattern.front() != '{') return pattern == segment;
  const std::string_view verb = pattern.substr(pattern.find('}') + 1);
  const std::size_t colon = std::min(segment.find(':'), segment.size());
  if (colon == 0 || segment.substr(colon) != verb) return false;
  const auto name = urls::make_pct_string_view(urls::string_view(segment.data(), colon));
  if (!name) return false;
  vars.push_back(name->decode());
  return true;
}

bool match_path(std::string_view pattern, const std::vector<std::string_view>& path,
                std::vector<std::string>& vars) {
  const std::vector<std::string_view> expected = split_path(pattern);
  if (expected.size() != path.size()) return false;
  vars.clear();
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!match_segment(expected[i], path[i], vars)) return false;
  }
  return true;
}

std::vector<Route> build_table() {
  std::vector<Route> table;
  for (auto* rows : {service_routes, version_routes, flag_routes, rollout_routes, history_routes,
                     proxy_routes}) {
    for (Route& route : rows()) table.push_back(std::move(route));
  }
  return table;
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> table = build_table();
  return table;
}

Matched match_route(http::verb verb, std::string_view target) {
  const std::string_view path_text = target.substr(0, target.find('?'));
  if (path_text.empty() || path_text.front() != '/') return {};
  const std::vector<std::string_view> path = split_path(path_text);
  const http::verb wanted = verb == http::verb::head ? http::verb::get : verb;
  Matched matched;
  std::vector<std::string> vars;
  for (const Route& route : routes()) {
    if (!match_path(route.pattern, path, vars)) continue;
    const auto name = http::to_string(route.verb);
    matched.allow.emplace_back(name.data(), name.size());
    if (route.verb == http::verb::get) matched.allow.emplace_back("HEAD");
    if (route.verb != wanted) continue;
    matched.route = &route;
    matched.vars = vars;
  }
  return matched;
}

Reply pick(Reply all, std::string_view member, const std::string& name) {
  if (all.status >= 400) return all;
  const boost::json::value* items = &all.body;
  if (items->is_object()) {
    if (const auto* below = items->as_object().if_contains(member)) items = below;
  }
  const boost::json::value* found = nullptr;
  if (items->is_object()) found = items->as_object().if_contains(name);
  if (items->is_array()) {
    for (const auto& item : items->as_array()) {
      const auto* title = item.is_object() ? item.as_object().if_contains("name") : nullptr;
      if (title != nullptr && title->is_string() && title->as_string() == name) found = &item;
    }
  }
  if (found == nullptr) {
    return problem(
        404, "not_found",
        "There is no '" + name + "' among the " + std::string(member) + " of this service.");
  }
  Reply one;
  one.body = *found;
  one.etag = all.etag;
  return one;
}

Query parse_query(std::string_view target) {
  Query query;
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return query;
  const auto url = urls::parse_origin_form(urls::string_view(target.data(), target.size()));
  if (!url) {
    query.error = "The query string is not a valid URL query.";
    return query;
  }
  for (const auto& parameter : url->params()) {
    if (!query.values.emplace(parameter.key, parameter.value).second) {
      query.error = "The query parameter '" + std::string(parameter.key) + "' is given twice.";
    }
  }
  return query;
}

Precondition parse_if_match(const std::vector<std::string_view>& headers) {
  if (headers.empty()) return {Precondition::Kind::Absent};
  const std::string_view tag = headers.front();
  if (headers.size() > 1) return {Precondition::Kind::Unusable};
  if (tag == "*") return {Precondition::Kind::Any};
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') {
    return {Precondition::Kind::Unusable};
  }
  std::uint64_t generation = 0;
  const char* const end = tag.data() + tag.size() - 1;
  const auto [stop, error] = std::from_chars(tag.data() + 1, end, generation);
  if (error != std::errc{} || stop != end) return {Precondition::Kind::Unusable};
  return {Precondition::Kind::Generation, generation};
}

}  // namespace cutwater::control::admin
