// Converts the address of an endpoint into Asio's type.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstring>

#include "proxy/routing/endpoint.hpp"

namespace cutwater::control {

inline boost::asio::ip::tcp::endpoint address_of(const upstream::Endpoint& endpoint) {
  boost::asio::ip::tcp::endpoint address;
  address.resize(endpoint.address_length());
  std::memcpy(address.data(), endpoint.address(), endpoint.address_length());
  return address;
}

}  // namespace cutwater::control
