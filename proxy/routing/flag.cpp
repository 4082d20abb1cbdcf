#include "proxy/routing/flag.hpp"

#include <algorithm>

#include "proxy/routing/cookie_header.hpp"
#include "proxy/routing/splitter.hpp"
#include "proxy/routing/subject.hpp"

namespace cutwater::routing {
namespace {

using Key = config::Sticky::Key;

config::Sticky key_of(const config::Flag& flag, const config::Sticky& sticky) {
  config::Sticky key;
  key.key = Key::None;
  if (!flag.key) return key;
  key.name = flag.key->name;
  switch (flag.key->kind) {
    case config::FlagKey::Kind::Sticky:
      return sticky;
    case config::FlagKey::Kind::Header:
      key.key = Key::Header;
      break;
    case config::FlagKey::Kind::Cookie:
      key.key = Key::Cookie;
      break;
    case config::FlagKey::Kind::ClientIp:
      key.key = Key::ClientIp;
      break;
  }
  return key;
}

// Converts the ids to the form in which they are compared: an address by its bytes.
config::IdList ids_for(const config::Sticky& key, const config::IdList& ids) {
  if (key.key != Key::ClientIp) return ids;
  std::vector<std::string> bytes;
  for (const std::string& ip : ids.ids()) bytes.emplace_back(address_subject(ip).view());
  return config::IdList(std::move(bytes));
}

bool holds(const config::FlagCondition& when, const http::FieldList& fields) {
  if (when.source == config::FlagCondition::Source::Header) {
    const http::Field* field = fields.find(when.name);
    return field != nullptr && when.values.contains(field->value);
  }
  const auto value = find_cookie(fields, when.name, [](std::string_view) { return true; });
  return value && when.values.contains(*value);
}

FlagVerdict let_in(const FlagSnapshot& flag, FlagRule rule, std::string_view subject) {
  const FlagSnapshot::Arm* best = &flag.arms.front();
  double best_score = 0;
  for (const FlagSnapshot::Arm& arm : flag.arms) {
    if (flag.arms.size() == 1 || arm.weight <= 0) continue;
    const double score = share_score({arm.name, arm.weight}, subject, flag.arm_salt);
    const bool wins = score > best_score || (score == best_score && arm.name < best->name);
    if (!wins) continue;
    best = &arm;
    best_score = score;
  }
  return {true, rule, best->version, {}};
}

}  // namespace

std::string_view to_string(FlagRule rule) {
  switch (rule) {
    case FlagRule::Off:
      return "off";
    case FlagRule::Deny:
      return "deny";
    case FlagRule::Allow:
      return "allow";
    case FlagRule::When:
      return "when";
    case FlagRule::NoSubject:
      return "no_subject";
    case FlagRule::Percentage:
      return "percentage";
    case FlagRule::Arms:
      return "arms";
    case FlagRule::NoVersion:
      return "no_version";
  }
  return "unknown";
}

FlagSnapshot make_flag(const config::Flag& flag, const config::Sticky& sticky,
                       const std::vector<std::string>& versions) {
  FlagSnapshot out;
  out.name = flag.name;
  out.enabled = flag.enabled;
  out.when = flag.when;
  out.key = key_of(flag, sticky);
  out.allow = ids_for(out.key, flag.allow);
  out.deny = ids_for(out.key, flag.deny);
  out.has_lists = !out.allow.empty() || !out.deny.empty();
  out.has_percentage = flag.percentage.has_value();
  if (flag.percentage) out.percentage = flag.percentage->millionths;
  const auto add = [&](const std::string& version, Share share) {
    const auto found = std::find(versions.begin(), versions.end(), version);
    if (found == versions.end()) return;
    out.arms.push_back(
        {version, static_cast<std::size_t>(found - versions.begin()), share.millionths});
  };
  for (const config::FlagArm& arm : flag.arms) add(arm.version, arm.share);
  if (flag.arms.empty()) add(flag.version, Share::percent(100));
  out.salt = salt_of("flag", flag.name);
  out.arm_salt = salt_of("flag arms", flag.name);
  return out;
}

FlagVerdict evaluate(const FlagSnapshot& flag, const http::FieldList& fields,
                     std::string_view subject) {
  const auto no = [](FlagRule rule) { return FlagVerdict{false, rule, 0, {}}; };
  if (!flag.is_on()) return no(FlagRule::Off);
  if (flag.arms.empty()) return no(FlagRule::NoVersion);
  if (!subject.empty() && flag.deny.contains(subject)) return no(FlagRule::Deny);
  if (!subject.empty() && flag.allow.contains(subject))
    return let_in(flag, FlagRule::Allow, subject);
  if (flag.when && !holds(*flag.when, fields)) return no(FlagRule::When);
  if (subject.empty() && (flag.has_percentage || flag.arms.size() > 1))
    return no(FlagRule::NoSubject);
  if (flag.has_percentage) {
    const std::uint32_t bucket = bucket_of(subject, flag.salt);
    FlagVerdict verdict = no(FlagRule::Percentage);
    if (static_cast<std::int64_t>(bucket) < flag.percentage)
      verdict = let_in(flag, FlagRule::Percentage, subject);
    verdict.bucket = bucket;
    return verdict;
  }
  if (flag.when) return let_in(flag, FlagRule::When, subject);
  if (flag.arms.size() > 1) return let_in(flag, FlagRule::Arms, subject);
  return no(FlagRule::Allow);  // a list stands alone, and this subject is not on it
}

}  // namespace cutwater::routing
