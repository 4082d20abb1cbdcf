// What a proxy has to know of gRPC: that a message is one, how its answer is judged, how long the
// caller waits, and how to answer by itself. Source: grpc/doc/PROTOCOL-HTTP2.md,
// http-grpc-status-mapping.md. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::http {

// Content-Type application/grpc, application/grpc+proto, ...; not grpc-web, which is plain HTTP.
bool is_grpc(const FieldList& fields);
inline bool is_grpc_call(const RequestHead& head) {
  return head.method == Method::Post && is_grpc(head.fields);
}

// grpc-status of trailers, or of a trailers-only head; nullopt when there is none or it is no
// number. Codes beyond 16 are UNKNOWN (2).
std::optional<unsigned> grpc_status(const FieldList& fields);

// "grpc-timeout: 100m"; nullopt when absent or malformed.
std::optional<Nanoseconds> grpc_timeout(const FieldList& fields);

// The grpc-status that an HTTP status of ours stands for.
std::string_view grpc_status_of(int http_status);

}  // namespace cutwater::http
