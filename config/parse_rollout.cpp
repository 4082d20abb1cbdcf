// Reads the `rollout:` section. Plans that cannot work are refused here with their place, long
// before a deploy script finds out.
#include "config/sections.hpp"

#include <regex.h>

#include <algorithm>

#include "config/names.hpp"
#include "config/suggest.hpp"
#include "config/units.hpp"
#include "config/windows.hpp"

namespace cutwater::config {
namespace {

constexpr std::size_t kMostSteps = 100;
constexpr Share kLeastShare{1};
constexpr Range<Duration> kBake{1s, std::chrono::hours(24 * 30)};
using OnInconclusive = RolloutDefaults::OnInconclusive;
constexpr Choice<OnInconclusive> kOnInconclusive[] = {{"hold", OnInconclusive::Hold},
                                                      {"extend", OnInconclusive::Extend},
                                                      {"promote", OnInconclusive::Promote},
                                                      {"rollback", OnInconclusive::Rollback}};
constexpr Choice<Hook::At> kHookPlaces[] = {{"before", Hook::At::Before},
                                            {"step", Hook::At::Step},
                                            {"after", Hook::At::After},
                                            {"rollback", Hook::At::Rollback}};

std::optional<Share> read_share_item(Report& report, const Node& item, std::string_view name) {
  const auto written = read_text(report, item, name, "a share");
  const auto share = written ? parse_share(*written) : std::nullopt;
  if (written && !share)
    report.add(item.place, "`" + std::string(name) + "` has " + quoted(*written) +
                               ": expected a share such as 5% or 0.01%, at most 4 decimals");
  return share;
}

std::optional<RolloutStep> read_plain_step(Report& report, const Node& item) {
  const auto share = read_share_item(report, item, "steps");
  return share ? std::optional<RolloutStep>(*share) : std::nullopt;
}

// Reads "25%" or {weight: 25%, bake: 10m, guards: {...}}.
std::optional<RolloutStep> read_step(Report& report, const Node& item) {
  if (item.kind != Node::Kind::Map) return read_plain_step(report, item);
  const Fields fields(report, item, section::kStep, "step");
  RolloutStep step;
  if (!fields.require("weight") ||
      !fields.read("weight", step.weight, {Share{}, Share::percent(100)}))
    return std::nullopt;
  Duration bake{};
  if (fields.read("bake", bake, kBake)) step.bake = bake;
  step.guards = read_guard_limits(fields).value_or(GuardLimits{});
  return step;
}

using StepReader = std::optional<RolloutStep> (*)(Report&, const Node&);

std::vector<RolloutStep> read_steps(const Fields& fields, const Node& node, StepReader reader) {
  Report& report = fields.report();
  if (node.items.size() > kMostSteps) {
    report.add(node.place, "`steps` has more than " + std::to_string(kMostSteps) + " steps");
    return {};
  }
  const auto items = read_list(report, node, "steps", "shares");
  if (node.kind != Node::Kind::List) return {};
  std::vector<RolloutStep> steps;
  bool readable = true;
  for (const NodePtr& item : items) {
    const auto step = reader(report, *item);
    if (!step) {
      readable = false;
      continue;
    }
    const Share before = steps.empty() ? Share{} : steps.back().weight;
    if (readable && step->weight <= before)
      report.add(item->place,
                 "steps must rise: " + to_string(step->weight) + " follows " + to_string(before));
    steps.push_back(*step);
  }
  if (readable && (steps.empty() || steps.back().weight != Share::percent(100)))
    report.add(node.place, "the last of `steps` must be 100%");
  return steps;
}

std::string read_strategy(const Fields& fields) {
  const std::vector<std::string_view> known{"canary", "blue_green", "rolling"};
  const auto written = fields.text("strategy", "the name of a strategy");
  if (!written) return RolloutDefaults{}.strategy;
  if (std::find(known.begin(), known.end(), *written) == known.end())
    fields.report().add(fields.place_of_value("strategy"),
                        "unknown strategy " + quoted(*written) + suggestion(*written, known));
  return *written;
}

// Reads the steps that need a person's approval to leave; 0% is the preview.
void read_approval(const Fields& fields, RolloutDefaults& rollout) {
  const Node* node = fields.find("approval");
  if (!node) return;
  Report& report = fields.report();
  for (const NodePtr& item : read_list(report, *node, "approval", "shares")) {
    const auto share = read_share_item(report, *item, "approval");
    if (!share) continue;
    const bool is_step =
        share->millionths == 0 ||
        std::any_of(rollout.steps.begin(), rollout.steps.end(),
                    [&](const RolloutStep& step) { return step.weight == *share; });
    if (!is_step && rollout.strategy != "rolling")
      report.add(item->place, "`approval` is for " + to_string(*share) +
                                  ", which is none of `steps` (0% is the preview)");
    rollout.approval.push_back(*share);
  }
}

void read_adaptive(const Fields& rollout_fields, RolloutDefaults& rollout) {
  const Node* node = rollout_fields.find("adaptive");
  if (!node) return;
  const Fields fields(rollout_fields.report(), *node, section::kAdaptive, "adaptive");
  if (!fields.usable()) return;
  AdaptiveSteps adaptive;
  // It takes eight failures to be sure (proxy/guard/README.md, "Detection"); no weight lowers that
  // number.
  fields.read_count("failed_requests", adaptive.failed_requests, {9, 1'000'000});
  fields.read("least", adaptive.least, {Share{Share::kWhole / 1000}, Share::percent(100)});
  fields.read("most", adaptive.most, {Share{Share::kWhole / 1000}, Share::percent(100)});
  if (adaptive.most < adaptive.least)
    fields.report().add(node->place, "`adaptive`: `most` is below `least`");
  rollout.adaptive = adaptive;
}

void read_windows(const Fields& fields, RolloutDefaults& rollout) {
  if (const Node* node = fields.find("windows")) {
    for (const NodePtr& item : read_list(fields.report(), *node, "windows", "windows")) {
      const auto written = read_text(fields.report(), *item, "windows", "a window");
      if (!written) continue;
      const auto window = parse_window(*written);
      if (window)
        rollout.windows.push_back(*window);
      else
        fields.report().add(item->place, "`windows` has " + quoted(*written) +
                                             ": expected days and hours such as \"Mon-Fri "
                                             "08:00-17:00\", the end after the start");
    }
  }
  if (const auto written = fields.text("utc_offset", "an offset")) {
    const auto offset = parse_utc_offset(*written);
    if (!offset) fields.bad_value("utc_offset", *written, "expected an offset such as \"+01:00\"");
    rollout.utc_offset_minutes = offset.value_or(0);
  }
}

void read_preview(const Fields& rollout_fields, RolloutDefaults& rollout) {
  const Node* node = rollout_fields.find("preview");
  if (!node) return;
  Report& report = rollout_fields.report();
  const Fields fields(report, *node, section::kPreview, "preview");
  if (!fields.usable()) return;
  Preview preview;
  fields.read("bake", preview.bake, {0ms, std::chrono::hours(24 * 30)});
  if (fields.has("header") + fields.has("cookie") + fields.has("host") != 1) {
    report.add(node->place, "`preview` needs one of `header`, `cookie` and `host`");
    return;
  }
  if (const auto host = fields.text("host", "a host name")) {
    const auto checked = check_host_pattern(*host);
    const auto* name = std::get_if<std::string>(&checked);
    if (!name || name->find('*') != std::string::npos)
      fields.bad_value("host", *host, "expected a host such as green.shop.example.com");
    preview.by = Preview::By::Host;
    preview.value = name ? *name : "";
  }
  for (const std::string_view key : {"header", "cookie"}) {
    const auto written = fields.has(key) ? fields.text(key, "`NAME=VALUE`") : std::nullopt;
    if (!written) continue;
    preview.by = key == "header" ? Preview::By::Header : Preview::By::Cookie;
    const auto equals = std::min(written->find('='), written->size());
    preview.key = written->substr(0, equals);
    preview.value = equals < written->size() ? written->substr(equals + 1) : "";
    if (!is_token(preview.key) || !is_plain_value(preview.value))
      fields.bad_value(key, *written, "expected NAME=VALUE such as \"X-Preview=green\"");
    else if (key == "cookie" && preview.value.find_first_of(" \",;\\") != std::string::npos)
      fields.bad_value(key, *written, "no cookie can have this value");
  }
  rollout.preview = preview;
}

bool is_regex(const std::string& text) {
  regex_t compiled;
  if (::regcomp(&compiled, text.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  ::regfree(&compiled);
  return true;
}

SmokeCheck read_smoke_check(Report& report, const Node& item) {
  SmokeCheck check;
  const Fields fields(report, item, section::kSmoke, "smoke");
  if (!fields.usable()) return check;
  if (const auto method = fields.text("method", "a method")) {
    if (!is_token(*method)) fields.bad_value("method", *method, "expected a method such as GET");
    check.method = *method;
  }
  if (const auto path = fields.text("path", "a path")) {
    const bool visible = std::all_of(path->begin(), path->end(),
                                     [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
    if (!path->starts_with('/') || !visible)
      fields.bad_value("path", *path, "expected a path such as /checkout?id=1");
    check.path = *path;
  }
  check.headers = read_header_fields(fields);
  std::uint64_t status = 0;
  if (fields.read_count("status", status, {200, 599})) check.status = static_cast<int>(status);
  if (const auto header = fields.text("header", "NAME or NAME=VALUE")) {
    const auto equals = std::min(header->find('='), header->size());
    check.header = header->substr(0, equals);
    check.value = equals < header->size() ? header->substr(equals + 1) : "";
    if (!is_token(check.header) || (equals < header->size() && !is_plain_value(check.value)))
      fields.bad_value("header", *header, "expected NAME or NAME=VALUE");
  }
  if (const auto body = fields.text("body", "a part of the body")) check.body = *body;
  if (const auto regex = fields.text("body_regex", "a regular expression")) {
    if (!is_regex(*regex))
      fields.bad_value("body_regex", *regex, "no POSIX extended regular expression");
    check.body_regex = *regex;
  }
  fields.read("within", check.within, {1ms, 60s});
  return check;
}

Hook read_hook(const Fields& fields, const Sources& sources) {
  Hook hook;
  if (fields.require("url")) {
    if (const auto url = fields.text("url", "a URL")) {
      const auto scheme = url->find("://");
      const bool http = url->starts_with("http://") || url->starts_with("https://");
      const std::string rest = http ? url->substr(scheme + 3) : "";
      const std::string authority = rest.substr(0, rest.find_first_of("/?#"));
      const bool visible =
          std::all_of(url->begin(), url->end(), [](char c) { return c > 0x20 && c < 0x7f; });
      if (authority.empty() || authority.find('@') != std::string::npos || !visible)
        fields.report().add(fields.place_of_value("url"),
                            "`url`: expected http(s)://HOST[:PORT]/PATH without user and password");
      hook.url = *url;
    }
  }
  if (fields.has("secret")) {
    const Secret secret = read_secret(fields, "secret", sources).value_or(Secret{});
    hook.secret = secret.value;
    hook.secret_origin = secret.origin;
  }
  fields.read("timeout", hook.timeout, {10ms, 1h});
  fields.read_count("retries", hook.retries, {0, 100});
  return hook;
}

void read_hooks(const Fields& rollout_fields, const Sources& sources, RolloutDefaults& rollout) {
  const Node* node = rollout_fields.find("hooks");
  if (!node) return;
  Report& report = rollout_fields.report();
  for (const NodePtr& item : read_list(report, *node, "hooks", "hooks")) {
    const Fields fields(report, *item, section::kHook, "hook");
    if (!fields.usable()) continue;
    Hook hook = read_hook(fields, sources);
    if (fields.require("at"))
      fields.read("at", hook.at, std::span<const Choice<Hook::At>>(kHookPlaces));
    rollout.hooks.push_back(std::move(hook));
  }
}

void read_rolling(const Fields& rollout_fields, const Sources& sources, RolloutDefaults& rollout) {
  const Node* node = rollout_fields.find("rolling");
  if (!node) return;
  const Fields fields(rollout_fields.report(), *node, section::kRolling, "rolling");
  if (!fields.usable()) return;
  fields.read_count("max_unavailable", rollout.rolling.max_unavailable, {1, kMaxEntries});
  fields.read("drain_timeout", rollout.rolling.drain_timeout, {0ms, 24h});
  fields.read("ready_timeout", rollout.rolling.ready_timeout, {1s, std::chrono::hours(24 * 7)});
  if (const Node* hook = fields.find("hook")) {
    const Fields hook_fields(fields.report(), *hook, section::kRollingHook, "hook");
    if (hook_fields.usable()) rollout.rolling.hook = read_hook(hook_fields, sources);
  }
}

void read_capacity(const Fields& rollout_fields, RolloutDefaults& rollout) {
  const Node* node = rollout_fields.find("capacity");
  if (!node) return;
  const Fields fields(rollout_fields.report(), *node, section::kCapacity, "capacity");
  if (!fields.usable()) return;
  Share most;
  if (fields.read("max_share_per_endpoint", most, {kLeastShare, Share::percent(100)}))
    rollout.max_share_per_endpoint = most;
}

void read_times(const Fields& fields, RolloutDefaults& rollout) {
  fields.read("bake", rollout.bake, kBake);
  Duration longest = rollout.bake;
  for (const RolloutStep& step : rollout.steps)
    longest = std::max(longest, step.bake.value_or(longest));
  if (fields.read("max_step", rollout.max_step, {1s, std::chrono::hours(24 * 90)})) {
    if (rollout.max_step < longest)
      fields.report().add(fields.place_of_value("max_step"), "`max_step` is shorter than `bake`");
  } else {
    rollout.max_step = std::max(rollout.max_step, longest * 2);
  }
  fields.read("approval_expiry", rollout.approval_expiry, {1s, std::chrono::hours(24 * 30)});
  fields.read("keep_old", rollout.keep_old, {0ms, std::chrono::hours(24 * 30)});
}

}  // namespace

std::vector<Share> read_share_steps(const Fields& fields, const Node& node) {
  std::vector<Share> shares;
  for (const RolloutStep& step : read_steps(fields, node, read_plain_step))
    shares.push_back(step.weight);
  return shares;
}

std::vector<std::pair<std::string, std::string>> read_header_fields(const Fields& fields) {
  std::vector<std::pair<std::string, std::string>> headers;
  const Node* node = fields.find("headers");
  if (!node) return headers;
  Report& report = fields.report();
  if (node->kind != Node::Kind::Map) {
    report.add(node->place, "`headers`: expected a mapping such as {Accept: text/html}");
    return headers;
  }
  for (const auto& [key, value] : node->pairs) {
    const auto text = read_text(report, *value, key->text, "a header's value");
    if (!text) continue;
    if (!is_token(key->text) || !is_plain_value(*text))
      report.add(key->place, "header " + quoted(key->text) + " is no name and value that HTTP has");
    headers.emplace_back(key->text, *text);
  }
  return headers;
}

RolloutDefaults read_rollout(const Fields& service_fields, const Sources& sources) {
  RolloutDefaults rollout;
  const Node* node = service_fields.find("rollout");
  if (!node) return rollout;
  const Fields fields(service_fields.report(), *node, section::kRollout, "rollout");
  if (!fields.usable()) return rollout;
  rollout.strategy = read_strategy(fields);
  if (const Node* steps = fields.find("steps")) {
    rollout.steps = read_steps(fields, *steps, read_step);
  } else if (rollout.strategy == "blue_green") {
    rollout.steps = {Share::percent(100)};
  }
  read_times(fields, rollout);
  fields.read("on_inconclusive", rollout.on_inconclusive,
              std::span<const Choice<OnInconclusive>>(kOnInconclusive));
  read_approval(fields, rollout);
  fields.read("four_eyes", rollout.four_eyes);
  fields.read("holdback", rollout.holdback, {Share{}, Share::percent(10)});
  read_adaptive(fields, rollout);
  read_windows(fields, rollout);
  read_preview(fields, rollout);
  if (const Node* smoke = fields.find("smoke"))
    for (const NodePtr& item : read_list(fields.report(), *smoke, "smoke", "requests"))
      rollout.smoke.push_back(read_smoke_check(fields.report(), *item));
  read_rolling(fields, sources, rollout);
  read_hooks(fields, sources, rollout);
  read_capacity(fields, rollout);
  return rollout;
}

void check_approvers(const Fields& root, const Config& config) {
  if (config.admin.tokens.empty()) {
    // Without tokens everybody is the same "local", who may do everything but counts as one person.
    for (const Service& service : config.services)
      if (service.rollout.four_eyes && !service.rollout.approval.empty())
        root.report().add(root.place_of_key("services"),
                          "`" + service.name +
                              "`: `four_eyes` needs `admin.tokens`: without them "
                              "everybody has the same name");
    return;
  }
  const auto may_approve = [](const Token& token) { return token.role >= Role::Approver; };
  const auto& tokens = config.admin.tokens;
  const auto approvers = std::count_if(tokens.begin(), tokens.end(), may_approve);
  const auto starters = std::count_if(tokens.begin(), tokens.end(), [](const Token& token) {
    return token.role >= Role::Deployer;
  });
  for (const Service& service : config.services) {
    if (service.rollout.approval.empty()) continue;
    if (approvers == 0)
      root.report().add(
          root.place_of_key("services"),
          "`" + service.name + "`: `approval` needs a token of role approver or admin");
    else if (service.rollout.four_eyes && starters < 2)
      root.report().add(root.place_of_key("services"),
                        "`" + service.name + "`: `four_eyes` needs another token that may start");
  }
}

}  // namespace cutwater::config
