// Whose request this is, as bytes to hash: the value of a header or cookie, or the client's
// address. Pure, no allocation; views live as long as the request and the AddressBytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "config/model.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::routing {

struct RequestView {
  const http::RequestHead* head = nullptr;
  std::string_view client_ip;  // after trusted proxies were taken into account
};

struct AddressBytes {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), size}; }
};

// IPv4: the address. IPv6: the first 64 bits, since a household owns the rest and changes it at
// will. An IPv4 address in IPv6 clothes is that IPv4 address. Empty when `ip` is no address.
AddressBytes address_subject(std::string_view ip);

// Empty when the request does not carry the key, and with Key::OwnCookie and Key::None.
// `address` is where the bytes of an address live.
std::string_view subject_by_key(const config::Sticky& key, const RequestView& request,
                                AddressBytes& address);

}  // namespace cutwater::routing
