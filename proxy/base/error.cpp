#include "proxy/base/error.hpp"

#include <stdexcept>
#include <string>

namespace cutwater {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::Closed:
      return "closed";
    case Errc::Reset:
      return "reset";
    case Errc::Timeout:
      return "timeout";
    case Errc::Cancelled:
      return "cancelled";
    case Errc::Refused:
      return "refused";
    case Errc::Protocol:
      return "protocol";
    case Errc::TooLarge:
      return "too_large";
    case Errc::NoEndpoint:
      return "no_endpoint";
    case Errc::Overload:
      return "overload";
    case Errc::TlsFailed:
      return "tls_failed";
  }
  return "unknown";
}

std::string_view to_string(Side side) {
  switch (side) {
    case Side::Downstream:
      return "downstream";
    case Side::Upstream:
      return "upstream";
    case Side::Local:
      return "local";
  }
  return "unknown";
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("value() on an error: " + std::string(to_string(error.code)));
}

}  // namespace cutwater
