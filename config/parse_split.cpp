#include <algorithm>

#include "config/names.hpp"
#include "config/sections.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

constexpr std::chrono::seconds kLongestCookie = std::chrono::hours(24 * 400);  // RFC 6265bis

// "header:NAME", "cookie:NAME" or "client_ip".
void read_key(const Fields& fields, Sticky& sticky) {
  constexpr std::string_view kHeader = "header:";
  constexpr std::string_view kCookie = "cookie:";
  const auto written = fields.text("key", "a key");
  if (!written) return;
  if (*written == "client_ip") {
    sticky.key = Sticky::Key::ClientIp;
    sticky.name.clear();
    return;
  }
  const bool header = written->starts_with(kHeader);
  const std::string name =
      header || written->starts_with(kCookie) ? written->substr(kHeader.size()) : "";
  static_assert(kHeader.size() == kCookie.size());
  if (!is_token(name)) {
    fields.bad_value("key", *written, "expected header:NAME, cookie:NAME or client_ip");
    return;
  }
  sticky.key = header ? Sticky::Key::Header : Sticky::Key::Cookie;
  sticky.name = name;
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

// `when: {cookie: "beta=on"}`.
void read_when(const Fields& flag_fields, Flag& flag) {
  const Node* node = flag_fields.require("when");
  if (!node) return;
  Report& report = flag_fields.report();
  const Fields fields(report, *node, section::kWhen, "when");
  if (!fields.usable()) return;
  if (fields.has("cookie") == fields.has("header")) {
    report.add(node->place, "`when` needs either `cookie` or `header`");
    return;
  }
  const std::string_view key = fields.has("cookie") ? "cookie" : "header";
  flag.source = key == "cookie" ? Flag::Source::Cookie : Flag::Source::Header;
  const auto written = fields.text(key, "`NAME=VALUE`");
  if (!written) return;
  const auto equals = std::min(written->find('='), written->size());
  flag.key = written->substr(0, equals);
  flag.value = equals < written->size() ? written->substr(equals + 1) : "";
  if (!is_token(flag.key) || !is_plain_value(flag.value)) {
    fields.bad_value(key, *written,
                     key == "cookie" ? "expected NAME=VALUE such as \"beta=on\""
                                     : "expected NAME=VALUE such as \"X-Staff=true\"");
  }
  // RFC 6265 4.1.1: a cookie's value has no blank, quote, comma, semicolon or backslash.
  if (key == "cookie" && flag.value.find_first_of(" \",;\\") != std::string::npos) {
    fields.bad_value(key, *written, "no cookie can have this value");
  }
}

Flag read_flag(Report& report, const Node& node, const Service& service) {
  const Fields fields(report, node, section::kFlag, "flag");
  Flag flag;
  if (!fields.usable()) return flag;
  if (fields.require("name")) {
    if (const auto name = fields.text("name", "a name")) {
      if (!is_name(*name)) fields.bad_value("name", *name, kNameRule);
      flag.name = *name;
    }
  }
  read_when(fields, flag);
  if (fields.require("version")) {
    if (const auto version = fields.text("version", "the name of a version")) {
      flag.version = *version;
      check_version(report, fields.place_of_value("version"), service, flag.version);
    }
  }
  fields.read("enabled", flag.enabled);
  return flag;
}

}  // namespace

bool check_version(Report& report, Place place, const Service& service, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Version& version : service.versions) {
    if (version.name == name) return true;
    names.push_back(version.name);
  }
  // Without any version, that is the problem to mend first.
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

std::vector<Flag> read_flags(const Fields& fields, const Service& service) {
  std::vector<Flag> flags;
  const Node* node = fields.find("flags");
  if (!node) return flags;
  Report& report = fields.report();
  for (const NodePtr& item : read_list(report, *node, "flags", "flags")) {
    Flag flag = read_flag(report, *item, service);
    const auto same = [&](const Flag& other) {
      return !flag.name.empty() && other.name == flag.name;
    };
    if (std::any_of(flags.begin(), flags.end(), same)) {
      report.add(item->place, "duplicate flag " + quoted(flag.name));
    }
    flags.push_back(std::move(flag));
  }
  return flags;
}

}  // namespace cutwater::config
