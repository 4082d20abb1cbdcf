// Errors of the data plane are values: what happened, on which side, and whether the same request
// may safely be sent again. No exception crosses the data plane.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string_view>

namespace cutwater {

enum class Errc : std::uint8_t {
  Closed,      // orderly end of stream (FIN) where more was expected
  Reset,       // RST, EPIPE or another hard socket error
  Timeout,     // a deadline passed
  Cancelled,   // this side gave up (the exchange ended, the worker stops)
  Refused,     // connect() failed: refused, unreachable, no route
  Protocol,    // the peer broke HTTP framing or grammar
  TooLarge,    // a configured size limit was exceeded
  NoEndpoint,  // the version has no endpoint that may be tried
  Overload,    // a local limit: connections, retry budget, file descriptors
  TlsFailed,   // no TLS session: certificate, version, cipher, or no TLS at all
};

enum class Side : std::uint8_t { Downstream, Upstream, Local };

struct Error {
  Errc code;
  Side side = Side::Local;
  bool retry_safe = false;  // true if the peer cannot have acted on the request
};

std::string_view to_string(Errc code);
std::string_view to_string(Side side);

// boost::system::result wants to know how to throw when value() is called on an error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

template <typename T>
using Result = boost::system::result<T, Error>;

}  // namespace cutwater
