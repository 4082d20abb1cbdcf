// Reads feature flags: which users they are about, and the version they lead to.
#include "config/sections.hpp"

#include <algorithm>

#include "config/names.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

constexpr std::size_t kMaxListIds = 100'000;

// By RFC 6265 4.1.1, a cookie's value has no blank, quote, comma, semicolon or backslash.
bool is_cookie_value(std::string_view text) {
  return text.find_first_of(" \",;\\") == std::string_view::npos;
}

// Reads one id a line; blank lines and lines that begin with # do not count.
std::vector<std::string> split_lines(const Fields& fields, const std::string& path,
                                     std::string_view text) {
  std::vector<std::string> ids;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view id = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (id.ends_with('\r')) id.remove_suffix(1);
    if (id.empty() || id.front() == '#') continue;
    if (!is_plain_value(id)) {
      fields.report().add(fields.place_of_value("file"),
                          quoted(path) + " line " + std::to_string(line) +
                              ": expected one id a line, visible ASCII without blanks around it");
      break;
    }
    ids.emplace_back(id);
  }
  if (ids.size() > kMaxListIds)
    fields.report().add(fields.place_of_value("file"),
                        quoted(path) + " has more than " + std::to_string(kMaxListIds) + " ids");
  return ids;
}

IdList read_file(const Fields& fields, const Sources& sources) {
  const auto path = fields.text("file", "a path");
  if (!path) return {};
  if (!path->starts_with('/')) {
    fields.bad_value("file", *path, "expected an absolute path");
    return {};
  }
  const FileText file = sources.list(*path);
  if (!file.text) {
    fields.bad_value("file", *path, file.error.empty() ? "cannot be read" : file.error);
    return IdList({}, *path);
  }
  return IdList(split_lines(fields, *path, *file.text), *path);
}

std::vector<std::string> read_values(Report& report, const Node& node, std::string_view name) {
  std::vector<std::string> values;
  for (const NodePtr& item : read_list(report, node, name, "texts")) {
    const auto text = read_text(report, *item, name, "a text");
    if (!text) continue;
    if (!is_plain_value(*text))
      report.add(item->place, quoted(*text) + ": expected visible ASCII without blanks around it");
    values.push_back(*text);
  }
  return values;
}

// Reads [u17, u42] or {file: /etc/cutwater/beta.txt}.
IdList read_ids(const Fields& flag, std::string_view key, const Sources& sources) {
  const Node* node = flag.find(key);
  if (!node) return {};
  if (node->kind != Node::Kind::Map) return IdList(read_values(flag.report(), *node, key));
  const Fields fields(flag.report(), *node, section::kIds, key);
  if (!fields.require("file")) return {};
  return read_file(fields, sources);
}

// Reads `{cookie: "beta=on"}`, or a name alone with the values beside it.
void read_pair(const Fields& fields, std::string_view key, FlagCondition& when) {
  const auto written = fields.text(key, "`NAME=VALUE`");
  if (!written) return;
  const bool listed = fields.has("in") || fields.has("file");
  const auto equals = listed ? written->size() : std::min(written->find('='), written->size());
  when.name = written->substr(0, equals);
  if (listed) {
    if (!is_token(when.name))
      fields.bad_value(key, *written, "expected only a name beside `in` or `file`");
    return;
  }
  const std::string value = equals < written->size() ? written->substr(equals + 1) : "";
  when.values = IdList({value});
  if (!is_token(when.name) || !is_plain_value(value)) {
    fields.bad_value(key, *written,
                     key == "cookie" ? "expected NAME=VALUE such as \"beta=on\""
                                     : "expected NAME=VALUE such as \"X-Staff=true\"");
  } else if (key == "cookie" && !is_cookie_value(value)) {
    fields.bad_value(key, *written, "no cookie can have this value");
  }
}

std::optional<FlagCondition> read_when(const Fields& flag, const Sources& sources) {
  const Node* node = flag.find("when");
  if (!node) return std::nullopt;
  Report& report = flag.report();
  const Fields fields(report, *node, section::kWhen, "when");
  FlagCondition when;
  if (!fields.usable()) return when;
  if (fields.has("cookie") == fields.has("header")) {
    report.add(node->place, "`when` needs either `cookie` or `header`");
    return when;
  }
  const std::string_view key = fields.has("cookie") ? "cookie" : "header";
  when.source = key == "cookie" ? FlagCondition::Source::Cookie : FlagCondition::Source::Header;
  read_pair(fields, key, when);
  if (fields.has("in") && fields.has("file")) {
    report.add(fields.place_of_key("file"), "`in` and `file` cannot stand together");
  } else if (const Node* values = fields.find("in")) {
    when.values = IdList(read_values(report, *values, "in"));
    if (when.values.empty()) report.add(values->place, "`in` is empty; nobody could match");
  } else if (fields.has("file")) {
    when.values = read_file(fields, sources);
  }
  return when;
}

std::vector<FlagArm> read_arms(const Fields& flag, const Service& service) {
  std::vector<FlagArm> arms;
  const Node* node = flag.find("arms");
  if (!node) return arms;
  Report& report = flag.report();
  if (node->kind != Node::Kind::Map || node->pairs.size() < 2) {
    report.add(node->place,
               "`arms`: expected two or more versions such as {blue: 50%, green: 50%}");
    return arms;
  }
  std::int64_t sum = 0;
  bool all_good = true;
  for (const auto& [key, value] : node->pairs) {
    all_good = check_version(report, key->place, service, key->text) && all_good;
    const auto share = value->kind == Node::Kind::Scalar ? parse_share(value->text) : std::nullopt;
    if (!share) {
      report.add(value->kind == Node::Kind::Null ? key->place : value->place,
                 "the share of " + quoted(key->text) +
                     ": expected a share such as 50% or 0.01%, at most 4 decimals");
      all_good = false;
      continue;
    }
    arms.push_back({key->text, *share});
    sum += share->millionths;
  }
  if (all_good && sum != Share::kWhole)
    report.add(flag.place_of_key("arms"),
               "`arms` add up to " +
                   (sum <= INT32_MAX ? to_string(Share{static_cast<std::int32_t>(sum)}) : "more") +
                   ", not to 100%");
  return arms;
}

std::optional<FlagRamp> read_ramp(const Fields& flag, const Flag& so_far) {
  const Node* node = flag.find("ramp");
  if (!node) return std::nullopt;
  const Fields fields(flag.report(), *node, section::kRamp, "ramp");
  FlagRamp ramp;
  if (!fields.usable()) return ramp;
  if (!so_far.percentage || !so_far.arms.empty())
    flag.report().add(flag.place_of_key("ramp"),
                      "`ramp` raises a `percentage` of one `version`; write both");
  if (const Node* steps = fields.require("steps")) ramp.steps = read_share_steps(fields, *steps);
  constexpr std::chrono::hours kMonth(24 * 30);
  fields.read("bake", ramp.bake, {1s, kMonth});
  if (!fields.read("max_step", ramp.max_step, {1s, kMonth}))
    ramp.max_step = std::max(ramp.max_step, 2 * ramp.bake);
  else if (ramp.max_step < ramp.bake)
    fields.report().add(fields.place_of_value("max_step"), "`max_step` is below `bake`");
  ramp.guards = read_guard_limits(fields).value_or(GuardLimits{});
  return ramp;
}

void read_key(const Fields& fields, Flag& flag) {
  if (!fields.has("key")) return;
  const auto written = fields.text("key", "a key");
  if (!written) return;
  flag.key = *written == "sticky" ? FlagKey{} : parse_key(*written);
  if (!flag.key)
    fields.bad_value("key", *written, "expected cookie:NAME, header:NAME, client_ip or sticky");
}

// A percentage, arms and lists are about users: something must tell them apart.
void check_key(const Fields& fields, const Flag& flag, const Service& service) {
  Report& report = fields.report();
  std::string_view user;
  for (const std::string_view key : {"percentage", "arms", "allow", "deny"})
    if (user.empty() && fields.has(key)) user = key;
  if (user.empty() && fields.has("key"))
    report.add(fields.place_of_key("key"),
               "`key` means nothing without `percentage`, `arms`, `allow` or `deny`");
  if (!user.empty() && !fields.has("key"))
    report.add(fields.place_of_key(user),
               "`" + std::string(user) +
                   "` needs `key` to tell users apart: cookie:NAME, header:NAME, client_ip or "
                   "sticky");
  if (!flag.key) return;
  const bool lists = fields.has("allow") || fields.has("deny");
  if (flag.key->kind == FlagKey::Kind::Sticky) {
    if (service.sticky.key == Sticky::Key::None)
      fields.bad_value("key", "sticky", "this service has `sticky: none`");
    if (service.sticky.key == Sticky::Key::OwnCookie && lists)
      fields.bad_value("key", "sticky",
                       "nobody knows the random ids of the own cookie; `allow` and `deny` need "
                       "cookie:NAME, header:NAME or client_ip");
  }
  const bool by_address =
      flag.key->kind == FlagKey::Kind::ClientIp ||
      (flag.key->kind == FlagKey::Kind::Sticky && service.sticky.key == Sticky::Key::ClientIp);
  for (const std::string_view key : {"allow", "deny"}) {
    if (!by_address) break;
    for (const std::string& id : (key == "allow" ? flag.allow : flag.deny).ids())
      if (!is_ip(id)) fields.bad_value(key, id, "expected an IP address, as `key` is client_ip");
  }
}

void check_who_and_where(const Fields& fields) {
  Report& report = fields.report();
  if (!fields.has("when") && !fields.has("percentage") && !fields.has("arms") &&
      !fields.has("allow"))
    report.add(fields.place(),
               "a flag needs `when`, `percentage`, `arms` or `allow`: whom it is "
               "for");
  if (fields.has("version") && fields.has("arms"))
    report.add(fields.place_of_key("arms"), "`version` and `arms` cannot stand together");
  if (!fields.has("version") && !fields.has("arms"))
    report.add(fields.place(), "`version` is missing (or `arms`, for several)");
}

Flag read_flag(const Fields& fields, const Service& service, const Sources& sources) {
  Flag flag;
  if (!fields.usable()) return flag;
  if (fields.require("name")) {
    if (const auto name = fields.text("name", "a name")) {
      if (!is_name(*name)) fields.bad_value("name", *name, kNameRule);
      flag.name = *name;
    }
  }
  check_who_and_where(fields);
  flag.when = read_when(fields, sources);
  Share percentage;
  if (fields.read("percentage", percentage, {Share{}, Share::percent(100)}))
    flag.percentage = percentage;
  read_key(fields, flag);
  flag.allow = read_ids(fields, "allow", sources);
  flag.deny = read_ids(fields, "deny", sources);
  check_key(fields, flag, service);
  flag.arms = read_arms(fields, service);
  if (const auto version = fields.text("version", "the name of a version")) {
    flag.version = *version;
    check_version(fields.report(), fields.place_of_value("version"), service, flag.version);
  }
  flag.ramp = read_ramp(fields, flag);
  fields.read("enabled", flag.enabled);
  return flag;
}

}  // namespace

std::vector<Flag> read_flags(const Fields& fields, const Service& service, const Sources& sources) {
  std::vector<Flag> flags;
  const Node* node = fields.find("flags");
  if (!node) return flags;
  Report& report = fields.report();
  for (const NodePtr& item : read_list(report, *node, "flags", "flags")) {
    Flag flag = read_flag(Fields(report, *item, section::kFlag, "flag"), service, sources);
    const auto same = [&](const Flag& other) {
      return !flag.name.empty() && other.name == flag.name;
    };
    if (std::any_of(flags.begin(), flags.end(), same))
      report.add(item->place, "duplicate flag " + quoted(flag.name));
    flags.push_back(std::move(flag));
  }
  return flags;
}

}  // namespace cutwater::config
