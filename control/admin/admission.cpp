// Implements what is decided about a request before its body is read.
#include "control/admin/session.hpp"

#include "config/names.hpp"

namespace cutwater::control::admin {
namespace {

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (const auto word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace

bool Session::follows(const Route& route) const {
  return route.kind == Kind::Events || target().find("wait=") != target().npos;
}

std::optional<Answer> Session::check_head(const Matched& matched, Actor& actor) {
  const bool reads =
      parser_->get().method() == http::verb::get || parser_->get().method() == http::verb::head;
  if (matched.route != nullptr && matched.route->kind == Kind::Probe) return std::nullopt;
  const auto hosts = header("Host");
  if (hosts.size() != 1) return refuse(400, "bad_host", "Send exactly one Host header.");
  if (!shared_->hosts.allows(hosts.front())) {
    return refuse(421, "host_not_allowed",
                  "This server does not answer to the Host '" + std::string(hosts.front()) +
                      "'. Add it to admin.allowed_hosts if it is yours.");
  }
  if (place_->door == Door::Probes &&
      (matched.route == nullptr || matched.route->kind != Kind::Metrics)) {
    return refuse(404, "not_found", "This address answers /livez, /readyz and /metrics only.");
  }
  if (!reads && is_cross_site(header_one("Origin"), header_one("Sec-Fetch-Site"), hosts.front())) {
    return refuse(403, "cross_site", "Another web site may not change anything here.");
  }
  return check_access(matched, actor);
}

std::optional<Answer> Session::check_token(Actor& actor) {
  Admitted admitted = shared_->auth.admit(header("Authorization"), place_->peer, Clock::now());
  if (!admitted.actor) {
    Answer answer = refuse(admitted.status,
                           admitted.status == 429   ? "too_many_attempts"
                           : admitted.status == 400 ? "bad_authorization"
                                                    : "unauthenticated",
                           admitted.detail);
    if (admitted.status == 401) {
      answer.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"cutwater\"");
    }
    if (admitted.retry_after.count() > 0) {
      answer.fields.emplace_back("Retry-After", std::to_string(admitted.retry_after.count()));
    }
    return answer;
  }
  actor = std::move(*admitted.actor);
  if (!shared_->places->admit(place_, actor.name, admitted.token)) {
    Answer answer = refuse(503, "too_many_callers", "Every place is busy. Try again in a second.");
    answer.fields.emplace_back("Retry-After", "1");
    return answer;
  }
  return std::nullopt;
}

std::optional<Answer> Session::check_access(const Matched& matched, Actor& actor) {
  const Route* route = matched.route;
  if (place_->door == Door::Probes && shared_->auth.open() && !config::is_loopback(place_->peer)) {
    return refuse(401, "unauthenticated",
                  "Without admin.tokens, /metrics is for callers on this machine only.");
  }
  if (route == nullptr || route->access != Access::Open) {
    if (auto refusal = check_token(actor)) return refusal;
  }
  if (matched.allow.empty()) {
    return refuse(404, "not_found", "There is nothing at this path. /openapi.json lists what is.");
  }
  if (route == nullptr) {
    const std::string allowed = join(matched.allow);
    Answer answer = refuse(405, "method_not_allowed", "Here you can use " + allowed + ".");
    answer.fields.emplace_back("Allow", allowed);
    return answer;
  }
  if (route->access == Access::Open) return std::nullopt;
  const auto needed = static_cast<config::Role>(static_cast<int>(route->access) - 1);
  if (actor.role < needed) {
    const std::string role(to_string(needed));
    return refuse(403, "role_too_low",
                  "This needs the role " + role + "; the token '" + actor.name + "' has " +
                      std::string(to_string(actor.role)) + ".",
                  {{"role_needed", role}});
  }
  return check_places(*route);
}

std::optional<Answer> Session::check_places(const Route& route) {
  if (route.kind == Kind::Metrics && shared_->scrapes >= shared_->limits.scrapes) {
    return refuse(503, "too_many_scrapes", "Too many scrapes at once. Try again in a second.");
  }
  if (follows(route) && shared_->places->followers() >= shared_->limits.followers) {
    return refuse(503, "too_many_followers",
                  "Too many clients are waiting for changes. Try again later or poll.");
  }
  return std::nullopt;
}

}  // namespace cutwater::control::admin
