// Trailer fields (RFC 9110 6.5): which of them may cross the proxy, whatever protocol they came by,
// and how HTTP/1 writes them. Pure.
#pragma once

#include <string>

#include "proxy/http/message.hpp"

namespace cutwater::http {

// Not what frames, routes, authenticates, modifies a request or controls a response (RFC 9110
// 6.5.1), nor what the proxy vouches for: a recipient may merge trailers into the head.
bool may_trail(const Field& field);

// The sender of this head takes trailers. One TE is enough, also where Connection does not name it.
bool asks_for_trailers(const FieldList& head);
bool asks_for_trailers(std::string_view te);

// "name: value\r\n" for each, and the empty line.
void append_trailers(const FieldList& trailers, std::string& out);

}  // namespace cutwater::http
