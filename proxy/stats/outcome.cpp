#include "proxy/stats/outcome.hpp"

namespace cutwater::stats {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Success:
      return "success";
    case Outcome::Status5xx:
      return "status_5xx";
    case Outcome::ConnectFailed:
      return "connect_failed";
    case Outcome::TlsFailed:
      return "tls_failed";
    case Outcome::Reset:
      return "reset";
    case Outcome::Timeout:
      return "timeout";
    case Outcome::Protocol:
      return "protocol";
    case Outcome::ClientAbort:
      return "client_abort";
    case Outcome::GrpcStatus:
      return "grpc_status";
    case Outcome::Desync:
      return "desync";
    case Outcome::TooLarge:
      return "too_large";
  }
  return "unknown";
}

}  // namespace cutwater::stats
