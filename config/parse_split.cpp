#include <algorithm>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

constexpr std::chrono::seconds kLongestCookie = std::chrono::hours(24 * 400);  // RFC 6265bis

void read_key(const Fields& fields, Sticky& sticky) {
  const auto written = fields.text("key", "a key");
  if (!written) return;
  const auto key = parse_key(*written);
  if (!key) {
    fields.bad_value("key", *written, "expected header:NAME, cookie:NAME or client_ip");
    return;
  }
  sticky.key = key->kind == FlagKey::Kind::Header   ? Sticky::Key::Header
               : key->kind == FlagKey::Kind::Cookie ? Sticky::Key::Cookie
                                                    : Sticky::Key::ClientIp;
  sticky.name = key->name;
}

void read_own_cookie(const Fields& fields, Sticky& sticky) {
  if (const auto cookie = fields.text("cookie", "the name of a cookie")) {
    if (!is_token(*cookie)) fields.bad_value("cookie", *cookie, "expected the name of a cookie");
    sticky.name = *cookie;
  }
  Duration ttl = sticky.ttl;
  if (!fields.read("ttl", ttl, {1s, kLongestCookie})) return;
  sticky.ttl = std::chrono::duration_cast<std::chrono::seconds>(ttl);
  if (sticky.ttl != ttl) {
    fields.report().add(fields.place_of_value("ttl"), "`ttl` must be whole seconds");
  }
}

}  // namespace

std::optional<FlagKey> parse_key(const std::string& written) {
  constexpr std::string_view kHeader = "header:";
  constexpr std::string_view kCookie = "cookie:";
  static_assert(kHeader.size() == kCookie.size());
  if (written == "client_ip") return FlagKey{FlagKey::Kind::ClientIp, {}};
  const bool header = written.starts_with(kHeader);
  if (!header && !written.starts_with(kCookie)) return std::nullopt;
  std::string name = written.substr(kHeader.size());
  if (!is_token(name)) return std::nullopt;
  return FlagKey{header ? FlagKey::Kind::Header : FlagKey::Kind::Cookie, std::move(name)};
}

bool check_version(Report& report, Place place, const Service& service, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Version& version : service.versions) {
    if (version.name == name) return true;
    names.push_back(version.name);
  }
  // If there is no version at all, that is the problem to solve first.
  if (!names.empty()) {
    report.add(place,
               "unknown version " + quoted(name) + (report.full() ? "" : suggestion(name, names)));
  }
  return false;
}

std::map<std::string, Share> read_weights(const Fields& fields, const Service& service) {
  std::map<std::string, Share> weights;
  for (const Version& version : service.versions) {
    weights[version.name] = version.name == service.stable ? Share::percent(100) : Share{};
  }
  const Node* node = fields.find("weights");
  if (!node) return weights;
  Report& report = fields.report();
  if (node->kind != Node::Kind::Map) {
    report.add(node->place, "`weights`: expected a mapping such as {blue: 95%, green: 5%}");
    return weights;
  }
  for (auto& [name, share] : weights) share = {};
  std::int64_t sum = 0;
  bool all_good = true;
  for (const auto& [key, value] : node->pairs) {
    all_good = check_version(report, key->place, service, key->text) && all_good;
    std::optional<std::string> written;
    if (value->kind == Node::Kind::Scalar) {
      written = read_text(report, *value, key->text, "a share");
    }
    const auto share = written ? parse_share(*written) : std::nullopt;
    if (!share) {
      const std::string is = written ? quoted(*written) : "no share";
      report.add(value->kind == Node::Kind::Null ? key->place : value->place,
                 "the weight of " + quoted(key->text) + " is " + is +
                     ": expected a share such as 5% or 0.01%, at most 4 decimals");
      all_good = false;
      continue;
    }
    weights[key->text] = *share;
    sum += share->millionths;
  }
  if (all_good && sum != Share::kWhole) {
    const std::string total =
        sum <= INT32_MAX ? to_string(Share{static_cast<std::int32_t>(sum)}) : "more";
    report.add(fields.place_of_key("weights"), "`weights` add up to " + total + ", not to 100%");
  }
  return weights;
}

Sticky read_sticky(const Fields& service_fields, const Service& service) {
  Sticky sticky;
  sticky.name = "cw_" + service.name;
  const Node* node = service_fields.find("sticky");
  if (!node) return sticky;
  if (node->kind == Node::Kind::Scalar) {
    if (node->text != "none") {
      service_fields.bad_value("sticky", node->text,
                               "expected none, {cookie: NAME, ttl: 30d} or {key: ...}");
    }
    sticky.key = Sticky::Key::None;
    sticky.name.clear();
    return sticky;
  }
  Report& report = service_fields.report();
  const Fields fields(report, *node, section::kSticky, "sticky");
  if (!fields.usable()) return sticky;
  if (!fields.has("key")) {
    read_own_cookie(fields, sticky);
    return sticky;
  }
  for (const std::string_view other : {"cookie", "ttl"}) {
    if (!fields.has(other)) continue;
    report.add(
        fields.place_of_key(other),
        "`" + std::string(other) + "` belongs to the own cookie and cannot stand with `key`");
  }
  read_key(fields, sticky);
  return sticky;
}

}  // namespace cutwater::config
