// Says how answers to gRPC calls are judged, as values. The source is the list of gRPC status codes
// (grpc/doc/statuscodes.md).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace cutwater::config {

// The names stand by number.
inline constexpr std::string_view kGrpcCodes[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

struct Grpc {
  static constexpr std::uint32_t mask(std::initializer_list<unsigned> codes) {
    std::uint32_t bits = 0;
    for (const unsigned code : codes) bits |= 1U << code;
    return bits;
  }
  // Bit N says that an answer with grpc-status N is an error of the version. UNKNOWN,
  // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE and DATA_LOSS say that the server
  // failed; a caller may cause the others.
  std::uint32_t error_codes = mask({2, 4, 8, 13, 14, 15});
};

}  // namespace cutwater::config
