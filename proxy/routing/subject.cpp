#include "proxy/routing/subject.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "proxy/routing/cookie_header.hpp"

namespace cutwater::routing {

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

std::string_view subject_by_key(const config::Sticky& key, const RequestView& request,
                                AddressBytes& address) {
  using Key = config::Sticky::Key;
  const auto not_empty = [](std::string_view value) { return !value.empty(); };
  switch (key.key) {
    case Key::Header: {
      const http::Field* field = request.head->fields.find(key.name);
      return field == nullptr ? std::string_view() : field->value;
    }
    case Key::Cookie:
      return find_cookie(request.head->fields, key.name, not_empty).value_or("");
    case Key::ClientIp:
      address = address_subject(request.client_ip);
      return address.view();
    case Key::OwnCookie:
    case Key::None:
      break;
  }
  return {};
}

}  // namespace cutwater::routing
