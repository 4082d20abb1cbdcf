// Feeds the chain of a trusted peer. X-Forwarded-For must give what a plain walk from the right
// gives; whatever Forwarded says, who stands nearer to us counts first. The first byte chooses the
// field; lines are fields of their own.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz_check.hpp"
#include "proxy/http/char_class.hpp"
#include "proxy/http/forwarded_client.hpp"

using namespace cutwater;
using namespace cutwater::http;
using Says = ForwardedClient::Says;

namespace {

const std::vector<net::Network> kProxies = {*net::Network::parse("10.0.0.0/8"),
                                            *net::Network::parse("fd00::/8")};

bool is_proxy(const net::IpAddress& address) {
  return std::any_of(kProxies.begin(), kProxies.end(),
                     [&](const net::Network& network) { return network.contains(address); });
}

FieldList fields_of(std::string_view lines, FieldId id) {
  FieldList fields;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    fields.push_back({"name", lines.substr(0, end), id});
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return fields;
}

void check_node(std::string_view text) {
  const auto address = parse_node(text);
  if (!address) return;
  const std::string written = address->to_string();
  fuzz::check(parse_node(written) == address, "an address survives being written");
  const std::string host = address->v6 ? "[" + written + "]" : written;
  fuzz::check(parse_node(host + ":443") == address, "a port changes nothing");
  fuzz::check(net::unmapped(*address) == *address, "no IPv4 address in IPv6 clothes");
}

ForwardedClient walk(const FieldList& fields) {
  std::vector<std::string_view> entries;
  for (const Field& field : fields) {
    std::string_view list = field.value;
    while (!list.empty())
      if (const auto entry = chars::take_element(list); !entry.empty()) entries.push_back(entry);
  }
  if (entries.empty()) return {};
  std::reverse(entries.begin(), entries.end());
  for (const std::string_view entry : entries) {
    const auto address = parse_node(entry);
    if (!address) return {Says::NoClient, {}, {}};
    if (!is_proxy(*address)) return {Says::Client, *address, {}};
  }
  return {Says::Client, *parse_node(entries.back()), {}};
}

bool same(const ForwardedClient& a, const ForwardedClient& b) {
  return a.says == b.says && a.client == b.client;
}

void check_nearer(std::string_view lines, FieldId id) {
  const bool listed = id == FieldId::XForwardedFor;
  FieldList fields = fields_of(lines, id);
  const ForwardedClient before = forwarded_client(fields, kProxies);
  fields.push_back({"name", listed ? "10.1.1.1" : "for=10.1.1.1", id});
  const ForwardedClient behind_proxy = forwarded_client(fields, kProxies);
  if (before.says != Says::Nothing)
    fuzz::check(same(before, behind_proxy), "one more trusted proxy changes nothing");
  fields.push_back({"name", listed ? "192.0.2.1" : "for=192.0.2.1", id});
  const ForwardedClient stranger = forwarded_client(fields, kProxies);
  fuzz::check(stranger.says == Says::Client && stranger.client.to_string() == "192.0.2.1",
              "the nearest stranger is the client");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view lines = fuzz::as_text(data + 1, size - 1);
  if (std::count(lines.begin(), lines.end(), '\n') > 200) return 0;  // more than a head has
  const FieldId id = data[0] % 2 == 0 ? FieldId::XForwardedFor : FieldId::Forwarded;
  check_node(lines);
  const FieldList fields = fields_of(lines, id);
  const ForwardedClient said = forwarded_client(fields, kProxies);
  fuzz::check(said.scheme.empty() || said.scheme == "http" || said.scheme == "https",
              "a scheme of ours");
  if (id == FieldId::XForwardedFor) fuzz::check(same(said, walk(fields)), "as a plain walk says");
  check_nearer(lines, id);
  return 0;
}
