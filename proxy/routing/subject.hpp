// Finds whose request this is, as bytes to hash: the value of a header or cookie, or the client's
// address. The functions are pure and do not allocate; views live as long as the request and the
// AddressBytes.
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

// Returns the address for IPv4, and for IPv6 the first 64 bits, since a household owns the rest and
// changes it at will. An IPv4 address mapped into IPv6 counts as IPv4. The result is empty when
// `ip` is not an address.
AddressBytes address_subject(std::string_view ip);

// Returns an empty text when the request does not carry the key, and with Key::OwnCookie and
// Key::None. The bytes of an address live in `address`.
std::string_view subject_by_key(const config::Sticky& key, const RequestView& request,
                                AddressBytes& address);

}  // namespace cutwater::routing
