// Decides which trailer fields (RFC 9110 6.5) may cross the proxy, whatever protocol they came by,
// and how HTTP/1 writes them. The functions are pure.
#pragma once

#include <string>

#include "proxy/http/message.hpp"

namespace cutwater::http {

// Refuses fields that frame, route, authenticate, modify a request or control a response (RFC 9110
// 6.5.1), and those that the proxy vouches for: a recipient may merge trailers into the head.
bool may_trail(const Field& field);

// Says whether the sender of this head takes trailers. One TE is enough, even where Connection does
// not name it.
bool asks_for_trailers(const FieldList& head);
bool asks_for_trailers(std::string_view te);

// Appends "name: value\r\n" for each trailer, and the empty line.
void append_trailers(const FieldList& trailers, std::string& out);

}  // namespace cutwater::http
