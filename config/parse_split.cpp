#include "config/sections.hpp"

#include <algorithm>

#include "config/names.hpp"
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

using SameSite = Sticky::SameSite;
constexpr Choice<SameSite> kSameSite[] = {
    {"lax", SameSite::Lax}, {"none", SameSite::None}, {"strict", SameSite::Strict}};
constexpr Choice<bool> kSecure[] = {{"auto", false}, {"on", true}};
constexpr std::size_t kLeastSecret = 16;

// RFC 6265 4.1.1: path-value.
bool is_cookie_path(std::string_view path) {
  return path.starts_with('/') && path.size() <= kMostCookiePath &&
         std::all_of(path.begin(), path.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != ';'; });
}

// Browsers drop a cookie that breaks the promise of its name (RFC 6265bis 4.1.3).
void check_prefix(const Fields& fields, const Sticky& sticky) {
  const auto wrong = [&](std::string_view key, std::string_view needs) {
    fields.report().add(
        fields.place_of_key(key),
        "browsers drop a cookie called " + quoted(sticky.name) + " " + std::string(needs));
  };
  const bool host = sticky.name.starts_with("__Host-");
  if (host && !sticky.domain.empty()) wrong("domain", "that has a `domain`");
  if (host && sticky.path != "/") wrong("path", "whose `path` is not /");
  if ((host || sticky.name.starts_with("__Secure-")) && !sticky.always_secure)
    wrong("secure", "without Secure");
}

// What a browser does not take unless it is Secure is Secure, and must not be told otherwise.
void read_secure(const Fields& fields, Sticky& sticky) {
  fields.read("secure", sticky.always_secure, std::span<const Choice<bool>>(kSecure));
  const bool implied = sticky.same_site == SameSite::None || sticky.partitioned ||
                       sticky.name.starts_with("__Host-") || sticky.name.starts_with("__Secure-");
  if (!fields.has("secure")) sticky.always_secure = implied;
  if (!sticky.always_secure && (sticky.same_site == SameSite::None || sticky.partitioned))
    fields.report().add(fields.place_of_value("secure"),
                        "browsers drop a cookie with `same_site: none` that is not Secure; write "
                        "`secure: on` or leave it out");
}

void read_cookie_scope(const Fields& fields, Sticky& sticky) {
  Report& report = fields.report();
  fields.read("same_site", sticky.same_site, std::span<const Choice<SameSite>>(kSameSite));
  if (const auto domain = fields.text("domain", "a domain")) {
    if (!is_dns_name(*domain) || is_ip(*domain))
      fields.bad_value("domain", *domain, "expected a domain such as example.com");
    sticky.domain = *domain;
  }
  if (const auto path = fields.text("path", "a path")) {
    if (!is_cookie_path(*path))
      fields.bad_value("path", *path,
                       "expected a path such as /app, at most " + std::to_string(kMostCookiePath) +
                           " visible characters without `;`");
    sticky.path = *path;
  }
  if (fields.read("partitioned", sticky.partitioned) && sticky.partitioned &&
      sticky.same_site != SameSite::None)
    report.add(fields.place_of_key("partitioned"),
               "`partitioned` is for cookies of embedded pages and needs `same_site: none`");
}

void read_cookie_secret(const Fields& fields, const Sources& sources, Sticky& sticky) {
  if (!fields.has("secret")) return;
  auto secret = read_secret(fields, "secret", sources);
  if (!secret) return;
  if (secret->value.size() < kLeastSecret)
    fields.report().add(fields.place_of_value("secret"),
                        "`secret` has fewer than " + std::to_string(kLeastSecret) + " characters");
  sticky.secret = std::move(*secret);
}

void read_own_cookie(const Fields& fields, const Sources& sources, Sticky& sticky) {
  if (const auto cookie = fields.text("cookie", "the name of a cookie")) {
    if (!is_token(*cookie)) fields.bad_value("cookie", *cookie, "expected the name of a cookie");
    sticky.name = *cookie;
  }
  read_cookie_scope(fields, sticky);
  read_secure(fields, sticky);
  check_prefix(fields, sticky);
  read_cookie_secret(fields, sources, sticky);
  fields.read("cacheable", sticky.cacheable);
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

Sticky read_sticky(const Fields& service_fields, const Service& service, const Sources& sources) {
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
    read_own_cookie(fields, sources, sticky);
    return sticky;
  }
  for (const Key& known : section::kSticky.keys) {
    const std::string_view other = known.name;
    if (other == "key" || !fields.has(other)) continue;
    report.add(
        fields.place_of_key(other),
        "`" + std::string(other) + "` belongs to the own cookie and cannot stand with `key`");
  }
  read_key(fields, sticky);
  return sticky;
}

}  // namespace cutwater::config
