// Says how one attempt on an upstream ended. An outcome is recorded once, at the end of the
// attempt's stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/clock.hpp"

namespace cutwater::stats {

enum class Outcome : std::uint8_t {
  Success,        // anything that the rows below do not name, including 4xx
  Status5xx,      // the upstream answered 5xx
  ConnectFailed,  // refused, unreachable, connect timeout
  TlsFailed,      // no TLS session with it: a certificate that does not verify, no common version
  Reset,          // closed or reset before the response was complete
  Timeout,        // response head, request or idle timeout
  Protocol,       // the upstream broke HTTP framing
  ClientAbort,  // the client went away first; never an error of the version, but maybe its slowness
                // (AttemptResult::given_up)
  GrpcStatus,   // a gRPC answer whose status is an error of the server (config::Grpc)
  Desync,       // beside its attempts: the upstream sent bytes that nobody had asked for
  TooLarge,     // its answer exceeded a limit of ours: never charged to the version
};
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::TooLarge) + 1;
std::string_view to_string(Outcome outcome);

// Says whether the outcome tells nothing about a version.
constexpr bool says_nothing(Outcome o) {
  return o == Outcome::ClientAbort || o == Outcome::TooLarge;
}
// Says whether the outcome counts against a version (proxy/guard/README.md, "What is observed").
constexpr bool is_error(Outcome o) {
  return o != Outcome::Success && !says_nothing(o);
}

struct AttemptResult {
  Outcome outcome = Outcome::Success;
  int status = 0;             // the upstream's status; 0 when no response head came
  Nanoseconds latency{0};     // attempt start to end of response (at a timeout: the timeout value)
  bool latency_valid = true;  // false for tunnels and streams still open: they are counted, not
                              // timed
  // With ClientAbort: the client waited for `latency`, and then gave up. Before the head, that is
  // the time since the last byte of the request was sent; afterwards, it is measured as for any
  // answer. The version was slower than any limit below it, and nobody knows how much.
  bool given_up = false;
  // The version's slowness up to here was told while the attempt was under way
  // (VersionMonitor::note_waiting), for every limit below it.
  Nanoseconds told{0};
  bool cold = false;         // one of its endpoint's first requests: slow ones say nothing
  std::uint64_t client = 0;  // hash of a confirmed subject; 0 = every request its own client
  std::uint32_t ticket = 0;  // guard::Ticket::value as admit() gave it; 0 if the attempt never
                             // went through it

  // The client gave up before there was any answer.
  bool given_up_waiting() const { return given_up && status == 0; }
  // The result tells nothing about a version.
  bool says_nothing() const { return stats::says_nothing(outcome) && !given_up; }
};

}  // namespace cutwater::stats
