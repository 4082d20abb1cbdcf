#include "control/snapshot/places.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>

#include "config/names.hpp"

namespace cutwater::control {
namespace {

// Networks and addresses where machines find their own credentials, or nothing that could serve
// users: link-local of both families (RFC 3927, RFC 4291), and the metadata services that are
// elsewhere (AWS and Google by IPv6, Azure, Alibaba, Oracle).
bool is_link_local(const net::IpAddress& ip) {
  static const std::vector<net::Network> kNever = [] {
    std::vector<net::Network> out;
    for (const char* text : {"169.254.0.0/16", "fe80::/10", "fd00:ec2::254", "fd20:ce::254",
                             "168.63.129.16", "100.100.100.200", "192.0.0.192"})
      if (const auto network = net::Network::parse(text)) out.push_back(*network);
    return out;
  }();
  return std::any_of(kNever.begin(), kNever.end(),
                     [&ip](const net::Network& network) { return network.contains(ip); });
}

net::IpAddress ipv4_in(const net::IpAddress& ip, std::size_t at) {
  net::IpAddress four;
  std::copy_n(ip.bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, four.bytes.begin());
  return four;
}

// Where packets to this address end up. NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address,
// and so did "IPv4-compatible" ones.
std::vector<net::IpAddress> reached_by(const net::IpAddress& ip) {
  std::vector<net::IpAddress> out{ip};
  if (!ip.v6) return out;
  static const auto kNat64 = net::Network::parse("64:ff9b::/96");
  static const auto k6to4 = net::Network::parse("2002::/16");
  static const auto kCompatible = net::Network::parse("::/96");
  if (kNat64->contains(ip) || kCompatible->contains(ip)) out.push_back(ipv4_in(ip, 12));
  if (k6to4->contains(ip)) out.push_back(ipv4_in(ip, 2));
  return out;
}

std::uint16_t port_of(const SocketAddress& address) {
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  return ntohs(address.storage.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

bool is_name_of(const std::string& pattern, const std::string& host) {
  std::string lower = host;
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (pattern == "*" || pattern == lower) return true;
  return pattern.starts_with("*.") && lower.ends_with(pattern.substr(1)) &&
         lower.size() > pattern.size() - 1;
}

bool within(const std::vector<std::string>& hosts, const std::string& host,
            const net::IpAddress& ip) {
  const bool by_number = config::is_ip(host);
  return std::any_of(hosts.begin(), hosts.end(), [&](const std::string& rule) {
    if (const auto network = net::Network::parse(rule)) return network->contains(ip);
    return rule == "*" || (!by_number && is_name_of(rule, host));
  });
}

std::string joined(const std::vector<std::string>& hosts) {
  std::string out;
  for (const std::string& host : hosts) out += (out.empty() ? "" : ", ") + host;
  return out.empty() ? "nowhere" : out;
}

}  // namespace

std::vector<config::Address> listen_addresses(const config::Config& config) {
  std::vector<config::Address> out;
  for (const config::Listener& listener : config.listeners) out.push_back(listener.listen);
  if (config.admin.unix_path.empty()) out.push_back(config.admin.listen);
  if (config.admin.probes) out.push_back(*config.admin.probes);
  return out;
}

bool is_local_address(const net::IpAddress& ip) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return false;
  bool found = false;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const auto family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::copy_n(reinterpret_cast<const unsigned char*>(one->ifa_addr),
                family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6),
                reinterpret_cast<unsigned char*>(&storage));
    found = found || net::ip_of(storage) == ip;
  }
  ::freeifaddrs(all);
  return found;
}

std::optional<ForbiddenPlace> forbidden_place(
    const config::Endpoint& endpoint, const SocketAddress& address, const OwnAddresses& own,
    const std::optional<std::vector<std::string>>& hosts) {
  const net::IpAddress ip = net::ip_of(address.storage);
  const std::string where = "`" + endpoint.url + "` is at " + ip.to_string() + ", ";
  for (const net::IpAddress& reached : reached_by(ip)) {
    if (is_link_local(reached))
      return ForbiddenPlace{"link_local",
                            where +
                                "a link-local address or the metadata service of a cloud; no "
                                "version may be put there"};
    const config::Address to{reached.to_string(), port_of(address)};
    const bool local = own.is_local && own.is_local(reached);
    for (const config::Address& listen : own.listen)
      if (config::leads_to(to, listen, local))
        return ForbiddenPlace{
            "own_address", where + "where this proxy itself listens; no version may be put there"};
  }
  if (hosts && !within(*hosts, endpoint.address.host, ip))
    return ForbiddenPlace{"hosts",
                          where + "and a deployer may put versions here only: " + joined(*hosts)};
  return std::nullopt;
}

std::optional<std::vector<std::string>> hosts_for(const config::Config& config,
                                                  const config::Service& service,
                                                  const VersionState& where) {
  return where.by_deployer ? config::policy_of(config, service).hosts : std::nullopt;
}

PlaceRule place_rule(const config::Config& config,
                     std::function<const ServiceState*(const std::string&)> state_of,
                     OwnAddresses own, std::pair<std::string, std::string> put) {
  return [&config, state_of = std::move(state_of), own = std::move(own),
          put = std::move(put)](const FoundPlace& found) -> std::optional<ForbiddenPlace> {
    const bool is_put = put.first == found.service.name && put.second == found.version;
    if (!found.looked_up && !is_put) return std::nullopt;
    const ServiceState* state = state_of(found.service.name);
    if (state == nullptr) return std::nullopt;
    const auto where = state->versions.find(found.version);
    if (where == state->versions.end()) return std::nullopt;
    return forbidden_place(found.endpoint, found.address, own,
                           hosts_for(config, found.service, where->second));
  };
}

}  // namespace cutwater::control
