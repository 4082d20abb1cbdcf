// Holds the answer to an admin operation before it is HTTP: an operation makes it and the admin
// server writes it down.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "config/model.hpp"

namespace cutwater::control {

// Says who asks. Without configured tokens the name is "local" and the role Admin.
struct Actor {
  std::string name = "local";
  config::Role role = config::Role::Admin;
};

struct Reply {
  int status = 200;
  boost::json::value body;            // object or array; problem+json members when status >= 400
  std::optional<std::uint64_t> etag;  // generation
  std::string location;               // with 201
  bool lines = false;                 // `body` is an array that goes out as JSON lines
  const char* media_type = nullptr;   // instead of (problem+)json
};

// Makes a problem document of RFC 9457. `type` is a short stable word: "about:blank#<type>" is
// sent.
Reply problem(int status, std::string_view type, std::string detail,
              boost::json::object extra = {});

// Holds If-Match as sent: nothing, "*", or a generation.
struct Precondition {
  // Unusable is weak or unreadable and answered with 412
  enum class Kind { Absent, Any, Generation, Unusable };
  Kind kind = Kind::Absent;
  std::uint64_t generation = 0;
};

}  // namespace cutwater::control
