#include "config/sections.hpp"

#include <algorithm>

#include "config/names.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

using Kind = Channel::Kind;

constexpr Choice<Kind> kKinds[] = {{"slack", Kind::Slack},
                                   {"pagerduty", Kind::PagerDuty},
                                   {"alertmanager", Kind::Alertmanager},
                                   {"webhook", Kind::Webhook}};

constexpr std::size_t kMostChannels = 32;

bool is_http_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    const std::string_view authority =
        rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
    return !authority.empty() && authority.find('@') == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  }
  return false;
}

Channel::Reference read_reference(const Fields& fields, std::string_view key,
                                  const Sources& sources) {
  const auto secret = read_secret(fields, key, sources);
  return secret ? Channel::Reference{secret->value, secret->origin} : Channel::Reference{};
}

// A URL may be a secret itself (`must_hide`: whoever knows it may post), or be written plainly.
Channel::Reference read_url(const Fields& fields, const Sources& sources, bool must_hide) {
  const Node* node = fields.find("url");
  if (!node) return {};
  const bool reference = node->kind == Node::Kind::Scalar && node->text.starts_with("${");
  Channel::Reference url;
  if (must_hide || reference) {
    url = read_reference(fields, "url", sources);
  } else {
    url.value = fields.text("url", "a URL").value_or("");
    url.origin = url.value;
  }
  if (url.value.empty() || is_http_url(url.value)) return url;
  fields.report().add(fields.place_of_value("url"),
                      "`url`: expected http(s)://HOST[:PORT]/PATH without user and password" +
                          std::string(reference ? " in " + url.origin : ""));
  return url;
}

void refuse_keys(const Fields& fields, Kind kind,
                 std::initializer_list<std::string_view> of_others) {
  for (const std::string_view key : of_others)
    if (fields.has(key))
      fields.report().add(
          fields.place_of_key(key),
          "`" + std::string(key) + "` has no meaning for " + std::string(to_string(kind)));
}

void read_slack(const Fields& fields, const Sources& sources, Channel& channel) {
  refuse_keys(fields, channel.kind, {"key", "secret"});
  const bool bot = fields.has("token");
  channel.url = read_url(fields, sources, !bot);
  if (!bot) {
    fields.require("url");
    refuse_keys(fields, channel.kind, {"channel"});
    return;
  }
  channel.token = read_reference(fields, "token", sources);
  if (fields.require("channel")) {
    const auto room = fields.text("channel", "#NAME");
    if (room && room->empty()) fields.bad_value("channel", *room, "expected such as \"#deploys\"");
    channel.room = room.value_or("");
  }
  if (!fields.has("url")) channel.url = {"https://slack.com/api/chat.postMessage", ""};
}

void read_by_kind(const Fields& fields, const Sources& sources, Channel& channel) {
  switch (channel.kind) {
    case Kind::Slack:
      return read_slack(fields, sources, channel);
    case Kind::PagerDuty:
      refuse_keys(fields, channel.kind, {"token", "channel", "secret"});
      if (fields.require("key")) channel.key = read_reference(fields, "key", sources);
      channel.url = fields.has("url")
                        ? read_url(fields, sources, false)
                        : Channel::Reference{"https://events.pagerduty.com/v2/enqueue", ""};
      return;
    case Kind::Alertmanager:
      refuse_keys(fields, channel.kind, {"key", "token", "channel", "secret"});
      fields.require("url");
      channel.url = read_url(fields, sources, false);
      return;
    case Kind::Webhook:
      refuse_keys(fields, channel.kind, {"key", "token", "channel"});
      fields.require("url");
      channel.url = read_url(fields, sources, false);
      if (fields.require("secret")) channel.secret = read_reference(fields, "secret", sources);
      return;
  }
}

std::vector<std::string> read_words(const Fields& fields, std::string_view key,
                                    const std::vector<std::string_view>& known) {
  std::vector<std::string> words;
  const Node* node = fields.find(key);
  if (!node) return words;
  for (const NodePtr& item : read_list(fields.report(), *node, key, "words")) {
    const auto word = read_text(fields.report(), *item, key, "a word");
    if (!word) continue;
    if (std::find(known.begin(), known.end(), *word) == known.end())
      fields.report().add(item->place, "`" + std::string(key) + "` has " + quoted(*word) +
                                           ", which is not known" + suggestion(*word, known));
    words.push_back(*word);
  }
  if (words.empty())
    fields.report().add(fields.place_of_value(key),
                        "`" + std::string(key) + "` is empty: nothing would ever be sent");
  return words;
}

Channel read_channel(Report& report, const Node& node, const Sources& sources,
                     const std::vector<Service>& services) {
  const Fields fields(report, node, section::kNotify, "channel");
  Channel channel;
  if (!fields.usable()) return channel;
  if (const auto name = fields.text("name", "a name")) {
    if (!is_name(*name)) fields.bad_value("name", *name, kNameRule);
    channel.name = *name;
  }
  if (!fields.require("kind") ||
      !fields.read("kind", channel.kind, std::span<const Choice<Kind>>(kKinds)))
    return channel;
  read_by_kind(fields, sources, channel);
  channel.on = read_words(fields, "on", {kNotifyEvents.begin(), kNotifyEvents.end()});
  std::vector<std::string_view> names;
  for (const Service& service : services) names.push_back(service.name);
  channel.services = read_words(fields, "services", names);
  if (const auto ca = fields.text("ca", "a file")) {
    if (!ca->starts_with('/')) fields.bad_value("ca", *ca, "expected an absolute path");
    channel.ca = *ca;
  }
  fields.read("expire", channel.expire, {1min, 24h * 30});
  return channel;
}

}  // namespace

std::string_view to_string(Channel::Kind kind) {
  for (const auto& choice : kKinds)
    if (choice.value == kind) return choice.word;
  return "";
}

std::vector<Channel> read_notify(const Fields& root, const Sources& sources,
                                 const std::vector<Service>& services) {
  std::vector<Channel> channels;
  const Node* node = root.find("notify");
  if (!node) return channels;
  Report& report = root.report();
  const auto items = read_list(report, *node, "notify", "channels");
  if (items.size() > kMostChannels)
    report.add(node->place,
               "`notify` has more than " + std::to_string(kMostChannels) + " channels");
  const auto taken = [&](const std::string& name) {
    return std::any_of(channels.begin(), channels.end(),
                       [&](const Channel& other) { return other.name == name; });
  };
  for (const NodePtr& item : items) {
    Channel channel = read_channel(report, *item, sources, services);
    if (channel.name.empty()) {
      const std::string kind(to_string(channel.kind));
      channel.name = kind;
      for (int n = 2; taken(channel.name); ++n) channel.name = kind + "-" + std::to_string(n);
    } else if (taken(channel.name)) {
      report.add(item->place, "duplicate channel " + quoted(channel.name));
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

History read_history(const Fields& root) {
  History history;
  const Node* node = root.find("history");
  if (!node) return history;
  const Fields fields(root.report(), *node, section::kHistory, "history");
  if (fields.usable()) fields.read("keep", history.keep, {24h, 24h * 3650});
  return history;
}

}  // namespace cutwater::config
