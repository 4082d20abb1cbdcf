#include "config/fields.hpp"

#include <cassert>

#include "config/suggest.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace {

std::string tick(std::string_view word) {
  return "`" + std::string(word) + "`";
}

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::Null:
      return "nothing";
    case Node::Kind::Scalar:
      return "a single value";
    case Node::Kind::List:
      return "a list";
    case Node::Kind::Map:
      return "a mapping";
  }
  return "";
}

// The contents are not shown: a value in the wrong place may be a secret.
std::string wrong_kind(std::string_view name, std::string_view expected, Node::Kind found) {
  return tick(name) + ": expected " + std::string(expected) + ", found " +
         std::string(kind_name(found));
}

}  // namespace

template <typename T>
struct Fields::Unit {
  std::string_view name;  // with its article
  const char* examples;
  std::optional<T> (*parse)(std::string_view);
  std::string (*write)(T);
};

Fields::Fields(Report& report, const Node& node, const Section& section, std::string_view name)
    : report_(report), node_(node), section_(section), name_(name) {
  if (!usable()) {
    report_.add(node_.place, wrong_kind(name_, "a mapping (`key: value`)", node_.kind));
    return;
  }
  for (const Entry& entry : node_.pairs) check_key(entry);
}

void Fields::check_key(const Entry& entry) const {
  const std::string& written = entry.first->text;
  std::vector<std::string_view> available;
  for (const Key& key : section_.keys) {
    if (key.state == Key::State::Available) available.push_back(key.name);
    if (key.name != written) continue;
    if (key.state == Key::State::Available) return;
    const Node& value = *entry.second;
    if (!key.only_value.empty() && value.kind == Node::Kind::Scalar &&
        value.text == key.only_value) {
      return;
    }
    report_.add(entry.first->place,
                tick(written) + " is part of the contract but not available in this version");
    return;
  }
  report_.add(entry.first->place, "unknown key " + quoted(written) +
                                      (report_.full() ? "" : suggestion(written, available)));
}

const Fields::Entry* Fields::entry(std::string_view key) const {
  [[maybe_unused]] const auto in_table = [&] {
    for (const Key& known : section_.keys) {
      if (known.name == key) return true;
    }
    return false;
  };
  assert(in_table() && "a key that is not in keys.cpp");
  for (const Entry& entry : node_.pairs) {
    if (entry.first->text == key) return &entry;
  }
  return nullptr;
}

Place Fields::place_of_key(std::string_view key) const {
  const Entry* found = entry(key);
  return found ? found->first->place : node_.place;
}

Place Fields::place_of_value(std::string_view key) const {
  const Entry* found = entry(key);
  return found ? found->second->place : node_.place;
}

const Node* Fields::find(std::string_view key) const {
  const Entry* found = entry(key);
  if (!found) return nullptr;
  if (found->second->kind == Node::Kind::Null) {
    report_.add(found->first->place,
                tick(key) + " has no value; give it one or leave the key out for the default");
    return nullptr;
  }
  return found->second.get();
}

const Node* Fields::require(std::string_view key) const {
  if (usable() && !has(key)) report_.add(node_.place, tick(key) + " is missing");
  return find(key);
}

std::optional<std::string> Fields::text(std::string_view key, std::string_view expected) const {
  const Node* node = find(key);
  if (!node) return std::nullopt;
  return read_text(report_, *node, key, expected);
}

template <typename T>
bool Fields::read_unit(std::string_view key, T& out, Range<T> range, const Unit<T>& unit) const {
  const auto written = text(key, unit.name);
  if (!written) return false;
  const std::optional<T> value = unit.parse(*written);
  if (!value) {
    bad_value(key, *written, "expected " + std::string(unit.name) + " such as " + unit.examples);
    return false;
  }
  if (*value < range.least || *value > range.most) {
    bad_value(key, *written,
              "expected between " + unit.write(range.least) + " and " + unit.write(range.most));
    return false;
  }
  out = *value;
  return true;
}

bool Fields::read(std::string_view key, Duration& out, Range<Duration> range) const {
  return read_unit<Duration>(
      key, out, range, {"a duration", "250ms, 10s, 5m, 1h or 30d", &parse_duration, &to_string});
}

bool Fields::read(std::string_view key, Share& out, Range<Share> range) const {
  return read_unit<Share>(
      key, out, range,
      {"a share", "5% or 0.01%, at most 4 decimals", &parse_share, &cutwater::to_string});
}

bool Fields::read(std::string_view key, bool& out) const {
  const std::vector<std::string_view> words{"true", "false"};
  const auto index = read_word(key, words);
  if (index) out = *index == 0;
  return index.has_value();
}

bool Fields::read_size(std::string_view key, std::uint64_t& out, Range<std::uint64_t> range) const {
  return read_unit<std::uint64_t>(key, out, range,
                                  {"a size", "512B, 64KiB or 1MiB", &parse_size, &size_to_string});
}

bool Fields::read_count(std::string_view key, std::uint64_t& out,
                        Range<std::uint64_t> range) const {
  const auto written = text(key, "a whole number");
  if (!written) return false;
  const auto value = parse_count(*written);
  if (!value || *value < range.least || *value > range.most) {
    bad_value(key, *written,
              "expected a whole number between " + std::to_string(range.least) + " and " +
                  std::to_string(range.most));
    return false;
  }
  out = *value;
  return true;
}

std::optional<std::size_t> Fields::read_word(std::string_view key,
                                             const std::vector<std::string_view>& words) const {
  std::string expected;
  for (std::size_t i = 0; i < words.size(); ++i) {
    expected += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    expected += words[i];
  }
  const auto written = text(key, expected);
  if (!written) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (*written == words[i]) return i;
  }
  const std::string meant = suggestion(*written, words);
  bad_value(key, *written,
            "expected " + expected + (meant.starts_with(", did you mean") ? meant : ""));
  return std::nullopt;
}

void Fields::bad_value(std::string_view key, std::string_view value,
                       std::string_view message) const {
  report_.add(place_of_value(key),
              tick(key) + " is " + quoted(value) + ": " + std::string(message));
}

std::span<const NodePtr> read_list(Report& report, const Node& node, std::string_view name,
                                   std::string_view of) {
  if (node.kind != Node::Kind::List) {
    report.add(node.place, wrong_kind(name, "a list of " + std::string(of), node.kind));
    return {};
  }
  if (node.items.size() > kMaxEntries) {
    report.add(node.place,
               tick(name) + " has more than " + std::to_string(kMaxEntries) + " entries");
    return {};
  }
  return node.items;
}

std::optional<std::string> read_text(Report& report, const Node& node, std::string_view name,
                                     std::string_view expected) {
  if (node.kind != Node::Kind::Scalar) {
    report.add(node.place, wrong_kind(name, expected, node.kind));
    return std::nullopt;
  }
  if (node.text.find("${") != std::string::npos) {
    report.add(node.place,
               tick(name) + ": `${env:NAME}` and `${file:PATH}` are read in secrets only");
    return std::nullopt;
  }
  return node.text;
}

}  // namespace cutwater::config
