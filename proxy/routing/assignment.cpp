#include "proxy/routing/assignment.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "proxy/routing/cookie_header.hpp"
#include "proxy/routing/splitter.hpp"

namespace cutwater::routing {
namespace {

using Key = config::Sticky::Key;

// Own cookies that fail their MAC are skipped, but not without end: each costs a hash.
constexpr int kCookiesTried = 16;
// Below this weight (0.1 %) a new visitor's version is left to the chance of the id.
constexpr std::int32_t kSmoothFrom = Share::kWhole / 1000;
// Chance to find no id for a version of weight kSmoothFrom: 8e-8. Then the id's own side counts.
constexpr int kIdsTried = 1 << 14;

std::string_view bytes_of(const CookieId& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

struct AddressBytes {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), size}; }
};

// IPv4: the address. IPv6: the first 64 bits, since a household owns the rest and changes it at
// will. An IPv4 address in IPv6 clothes is that IPv4 address.
AddressBytes address_subject(std::string_view ip) {
  AddressBytes subject;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (ip.empty() || ip.size() >= text.size()) return subject;
  std::copy(ip.begin(), ip.end(), text.begin());
  if (inet_pton(AF_INET, text.data(), subject.bytes.data()) == 1) {
    subject.size = 4;
    return subject;
  }
  in6_addr six;
  if (inet_pton(AF_INET6, text.data(), &six) != 1) return subject;
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&six);
  subject.size = mapped ? 4 : 8;
  std::memcpy(subject.bytes.data(), six.s6_addr + (mapped ? 12 : 0), subject.size);
  return subject;
}

bool flag_matches(const config::Flag& flag, const http::FieldList& fields) {
  if (!flag.enabled) return false;
  if (flag.source == config::Flag::Source::Header) {
    const http::Field* field = fields.find(flag.key);
    return field != nullptr && field->value == flag.value;
  }
  const auto value = find_cookie(fields, flag.key, [](std::string_view) { return true; });
  return value == flag.value;
}

// First flag that matches and whose version exists.
bool assign_by_flag(const ServiceSnapshot& service, const http::FieldList& fields,
                    Assignment& assignment) {
  for (const config::Flag& flag : service.flags) {
    if (!flag_matches(flag, fields)) continue;
    const std::size_t version = service.find_version(flag.version);
    if (version == service.versions.size()) continue;
    assignment.wanted = version;
    assignment.reason = Reason::Flag;
    assignment.flag = flag.name;
    return true;
  }
  return false;
}

// A flag that forced the version stays in force; the subject is still worth knowing.
void assign_by_subject(const ServiceSnapshot& service, std::string_view subject, Reason reason,
                       Assignment& assignment) {
  assignment.bucket = bucket_of(subject, service.salt);
  assignment.has_subject = true;
  if (assignment.reason == Reason::Flag) return;
  assignment.wanted = split(service, subject);
  assignment.reason = reason;
  assignment.random = true;
}

std::optional<CookieId> own_cookie(const ServiceSnapshot& service, const http::FieldList& fields) {
  std::optional<CookieId> id;
  int tries = 0;
  find_cookie(fields, service.sticky.name, [&](std::string_view value) {
    if (++tries <= kCookiesTried) id = service.cookie_key.verify(value);
    return id.has_value();
  });
  return id;
}

bool worth_smoothing(const ServiceSnapshot& service) {
  return std::all_of(service.versions.begin(), service.versions.end(), [](const auto& version) {
    return version.weight == 0 || version.weight >= kSmoothFrom;
  });
}

// The sequence says which version is due; the id is stepped until its own side of the split is
// that version, so the first request and all later ones agree and the share is still exact. A
// version of share w is due w of the time and takes 1/w tries: one try per version on average.
CookieId id_for_new_visitor(const ServiceSnapshot& service, SmoothSequence& sequence,
                            CookieIdSource& ids) {
  const CookieId first = ids.next();
  if (!worth_smoothing(service)) return first;
  const std::size_t due = sequence.pick(service);
  CookieId id = first;
  std::uint64_t low = 0;
  std::memcpy(&low, id.data(), sizeof(low));
  for (int i = 0; i < kIdsTried; ++i) {
    if (split(service, bytes_of(id)) == due) return id;
    ++low;
    std::memcpy(id.data(), &low, sizeof(low));
  }
  return first;
}

// Empty when the request does not carry the configured key.
std::string_view configured_key(const config::Sticky& sticky, const RequestView& request,
                                AddressBytes& address) {
  const auto not_empty = [](std::string_view value) { return !value.empty(); };
  switch (sticky.key) {
    case Key::Header: {
      const http::Field* field = request.head->fields.find(sticky.name);
      return field == nullptr ? std::string_view() : field->value;
    }
    case Key::Cookie:
      return find_cookie(request.head->fields, sticky.name, not_empty).value_or("");
    case Key::ClientIp:
      address = address_subject(request.client_ip);
      return address.view();
    case Key::OwnCookie:
    case Key::None:
      break;
  }
  return {};
}

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::Flag:
      return "flag";
    case Reason::Sticky:
      return "sticky";
    case Reason::Key:
      return "key";
    case Reason::Sequence:
      return "sequence";
    case Reason::Stable:
      return "stable";
  }
  return "unknown";
}

Assignment assign(const ServiceSnapshot& service, const RequestView& request,
                  SmoothSequence& sequence, CookieIdSource& ids) {
  Assignment assignment;
  const http::FieldList& fields = request.head->fields;
  const bool forced = assign_by_flag(service, fields, assignment);
  AddressBytes address;
  if (service.sticky.key == Key::OwnCookie) {
    std::optional<CookieId> id = own_cookie(service, fields);
    if (id) {
      assignment.client = client_hash(bytes_of(*id));
    } else {
      id = forced ? ids.next() : id_for_new_visitor(service, sequence, ids);
      assignment.set_cookie = true;
      assignment.new_cookie = *id;
    }
    assign_by_subject(service, bytes_of(*id), Reason::Sticky, assignment);
  } else if (const auto key = configured_key(service.sticky, request, address); !key.empty()) {
    assignment.client = client_hash(key);
    assign_by_subject(service, key, Reason::Key, assignment);
  } else if (!forced) {
    assignment.wanted = sequence.pick(service);
    assignment.reason = Reason::Sequence;
    assignment.random = true;
  }
  assignment.first_reason = assignment.reason;
  assignment.version = assignment.wanted;
  const VersionSnapshot& chosen = service.versions[assignment.version];
  if (assignment.random) assignment.weight = chosen.weight;
  if (!chosen.usable()) fall_to_stable(service, assignment);
  return assignment;
}

void fall_to_stable(const ServiceSnapshot& service, Assignment& assignment) {
  // Nothing to fall to: stable keeps the request, and the exchange answers 503 if it must.
  if (assignment.version == service.stable) return;
  assignment.version = service.stable;
  assignment.reason = Reason::Stable;
  assignment.weight = 0;
  assignment.random = false;
}

}  // namespace cutwater::routing
