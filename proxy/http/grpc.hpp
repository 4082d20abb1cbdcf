// Holds what a proxy has to know of gRPC: how to recognise a message, judge its answer, find how
// long the caller waits, and answer by itself. It follows grpc/doc/PROTOCOL-HTTP2.md and
// grpc/doc/http-grpc-status-mapping.md, and is pure.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::http {

// Recognises Content-Type application/grpc, application/grpc+proto, ...; grpc-web is plain HTTP and
// does not count.
bool is_grpc(const FieldList& fields);
inline bool is_grpc_call(const RequestHead& head) {
  return head.method == Method::Post && is_grpc(head.fields);
}

// Returns the grpc-status of trailers, or of a trailers-only head; nullopt when there is none or it
// is not a number. Codes beyond 16 become UNKNOWN (2).
std::optional<unsigned> grpc_status(const FieldList& fields);

// Reads "grpc-timeout: 100m"; returns nullopt when the field is absent or malformed.
std::optional<Nanoseconds> grpc_timeout(const FieldList& fields);

// Returns the grpc-status that stands for an HTTP status of ours.
std::string_view grpc_status_of(int http_status);

}  // namespace cutwater::http
