#include "control/operations/explain.hpp"

#include <vector>

#include "control/base/json_text.hpp"
#include "control/state/views.hpp"
#include "proxy/http/forwarded_client.hpp"
#include "proxy/http/target.hpp"
#include "proxy/routing/assignment.hpp"
#include "proxy/routing/route_table.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

// Owns the texts that the head's views point into.
struct Sample {
  std::string host;
  std::string target = "/";
  std::string method = "GET";
  std::string client_ip = "127.0.0.1";
  bool client_given = false;
  std::string cookie;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string scratch;
  http::RequestHead head;
};

bool read_pairs(const json::value& value, std::vector<std::pair<std::string, std::string>>& out) {
  const auto* object = value.if_object();
  if (object == nullptr) return false;
  for (const auto& [name, text] : *object) {
    if (!text.is_string()) return false;
    out.emplace_back(name, text.as_string());
  }
  return true;
}

std::optional<Reply> read_sample(const json::object& request, Sample& out) {
  for (const auto& [key, value] : request) {
    const std::string name(key);
    bool right = true;
    if (name == "headers") {
      right = read_pairs(value, out.headers);
    } else if (name == "cookies") {
      std::vector<std::pair<std::string, std::string>> cookies;
      right = read_pairs(value, cookies);
      for (const auto& [cookie, text] : cookies)
        out.cookie += (out.cookie.empty() ? "" : "; ") + cookie + "=" + text;
    } else {
      std::string* text = name == "host"        ? &out.host
                          : name == "path"      ? &out.target
                          : name == "method"    ? &out.method
                          : name == "client_ip" ? &out.client_ip
                                                : nullptr;
      if (text == nullptr)
        return problem(
            422, "invalid_request",
            "`" + name + "`: known are host, path, method, headers, cookies and client_ip");
      right = value.is_string();
      if (right) *text = std::string(value.as_string());
      if (text == &out.client_ip) out.client_given = true;
    }
    if (!right)
      return problem(
          422, "invalid_request",
          "`" + name +
              "`: " + (name == "headers" || name == "cookies" ? "an object of texts" : "a text") +
              " is meant");
  }
  if (out.target.empty() || out.target[0] != '/')
    return problem(422, "invalid_request", "`path` must begin with /");
  return std::nullopt;
}

std::optional<Reply> make_head(Sample& sample) {
  sample.scratch.resize(sample.target.size());
  const auto target = http::normalise_target(sample.target, sample.scratch);
  if (!target)
    return problem(422, "invalid_request",
                   "`path` hides a way up in its encoding; the proxy answers 400 to it");
  http::RequestHead& head = sample.head;
  head.method_text = sample.method;
  head.target = *target;
  const std::size_t query = target->find('?');
  head.path = target->substr(0, query);
  if (query != std::string_view::npos) head.query = target->substr(query + 1);
  head.authority = sample.host;
  head.host = head.authority.substr(0, head.authority.rfind(':'));
  if (head.authority.ends_with(']')) head.host = head.authority;
  if (!sample.cookie.empty()) sample.headers.emplace_back("Cookie", sample.cookie);
  for (const auto& [name, value] : sample.headers)
    if (!head.fields.push_back({name, value, http::field_id(name)}))
      return problem(422, "invalid_request", "too many `headers`");
  return std::nullopt;
}

// The client that a trusted proxy's fields name; empty when they name none.
void read_client(Sample& sample, const std::vector<net::Network>& trusted) {
  if (sample.client_given || trusted.empty()) return;
  using Says = http::ForwardedClient::Says;
  const auto said = http::forwarded_client(sample.head.fields, trusted);
  if (said.says == Says::NoClient) sample.client_ip.clear();
  if (said.says == Says::Client) sample.client_ip = said.client.to_string();
}

std::string flag_text(const routing::Assignment& assignment) {
  using routing::FlagRule;
  const std::string flag = "flag `" + std::string(assignment.flag) + "` matched";
  const routing::FlagVerdict& verdict = assignment.flag_verdict;
  if (verdict.rule == FlagRule::Allow) return flag + " by its allow list";
  if (verdict.rule == FlagRule::Arms) return flag + " and gives this user its arm";
  if (verdict.rule != FlagRule::Percentage) return flag;
  return flag + ", whose percentage takes in bucket " +
         to_string(Share{static_cast<std::int32_t>(*verdict.bucket)});
}

// Says what each flag says, whether it decided or not.
json::array flags_view(const routing::ServiceSnapshot& service, const routing::RequestView& request,
                       const routing::Assignment& assignment) {
  json::array out;
  const auto id = assignment.set_cookie ? std::optional(assignment.new_cookie)
                                        : routing::own_cookie(service, request.head->fields);
  for (const routing::FlagSnapshot& flag : service.flags) {
    routing::AddressBytes address;
    const auto subject = routing::flag_subject(flag, request, routing::bytes_of(id), address);
    const auto verdict = routing::evaluate(flag, request.head->fields, subject);
    json::object view{{"name", flag.name},
                      {"matched", verdict.matched},
                      {"rule", routing::to_string(verdict.rule)},
                      {"version", nullptr},
                      {"bucket", nullptr}};
    if (verdict.matched) view["version"] = service.versions[verdict.version].name;
    if (verdict.bucket)
      view["bucket"] = number(Share{static_cast<std::int32_t>(*verdict.bucket)}.as_percent());
    if (flag.has_percentage) view["percentage"] = number(Share{flag.percentage}.as_percent());
    out.push_back(std::move(view));
  }
  return out;
}

// Why there is nothing by which the split could keep a user at a version.
std::string no_subject_text(const config::Sticky& sticky, const std::string& client_ip) {
  using Key = config::Sticky::Key;
  if (sticky.key == Key::ClientIp && client_ip.empty())
    return "no subject to stick to: the chain of trusted proxies names no client";
  return "no subject to stick to";
}

// The end of the sentence when nobody can answer.
std::string nobody_text(const routing::VersionSnapshot& chosen) {
  const std::size_t all = chosen.endpoints.size();
  const std::string who =
      all == 0   ? "no endpoint of `" + chosen.name + "` is in service"
      : all == 1 ? "the only endpoint of `" + chosen.name + "` is down"
                 : "all " + std::to_string(all) + " endpoints of `" + chosen.name + "` are down";
  return "; but " + who + ", so the proxy answers 503 itself";
}

std::string rule_text(const routing::Assignment& assignment, routing::Reason rule,
                      const std::string& wanted, std::int32_t weight,
                      const std::string& no_subject) {
  const std::string share = to_string(Share{weight});
  switch (rule) {
    case routing::Reason::Preview:
      return "a tester's preview of the running rollout shows `" + wanted + "`";
    case routing::Reason::Flag:
      return flag_text(assignment) + ", which forces `" + wanted + "`";
    case routing::Reason::Sticky:
    case routing::Reason::Key: {
      const std::string subject = rule == routing::Reason::Key ? "the configured key"
                                  : assignment.set_cookie
                                      ? "a new visitor's random id (each visitor gets an own one)"
                                      : "the sticky cookie";
      return subject + " is in bucket " +
             to_string(Share{static_cast<std::int32_t>(assignment.bucket)}) +
             ", which belongs to `" + wanted + "` at its weight of " + share;
    }
    case routing::Reason::Chance:
      return no_subject + ": every request is dealt by chance, `" + wanted + "` gets " + share +
             " of them";
    case routing::Reason::Stable:
      break;
  }
  return "stable";
}

// Why a version that was chosen does not answer.
std::string shut_text(const routing::VersionSnapshot& version, const ServiceState* state) {
  if (!version.monitor->tripped()) return "has no healthy endpoint";
  if (state != nullptr && state->withdrawals.contains(version.name))
    return withdrawal_text(*state, version.name);
  return "is shut by its guard or locked out";
}

}  // namespace

Reply explain(const routing::RoutingSnapshot& routes, const std::string& service,
              const json::object& request, const ExplainFacts& facts) {
  Sample sample;
  if (auto refused = read_sample(request, sample)) return *std::move(refused);
  if (auto refused = make_head(sample)) return *std::move(refused);
  read_client(sample, facts.trusted_proxies);

  const routing::ServiceSnapshot* snapshot = nullptr;
  for (const auto& candidate : routes.services)
    if (candidate->name == service) snapshot = candidate.get();
  json::object out{{"service", service}};
  if (!sample.host.empty()) {
    const auto* route = routing::match_route(routes, sample.head.host, sample.head.path);
    if (route == nullptr || route->service.get() != snapshot) {
      out["routed_to"] =
          route == nullptr ? json::value(nullptr) : json::string(route->service->name);
      out["text"] = route == nullptr
                        ? "no route matches this host and path; the proxy answers 404"
                        : "this host and path are routed to service `" + route->service->name + "`";
      Reply reply;
      reply.body = std::move(out);
      return reply;
    }
    out["route"] = json::object{{"host", route->host}, {"path", route->path}};
  }
  Random random;
  routing::CookieIdSource ids;
  const auto assignment = routing::assign(*snapshot, {&sample.head, sample.client_ip}, random, ids);
  const auto& chosen = snapshot->versions[assignment.version];
  const auto& wanted = snapshot->versions[assignment.wanted];
  const bool fell = assignment.reason == routing::Reason::Stable;
  const auto rule = fell ? assignment.first_reason : assignment.reason;
  std::string text = rule_text(assignment, rule, wanted.name, wanted.weight,
                               no_subject_text(snapshot->sticky, sample.client_ip));
  if (fell)
    text += "; but `" + wanted.name + "` " + shut_text(wanted, facts.state) + ", so stable `" +
            chosen.name + "` answers";
  const bool available = chosen.has_usable_endpoint();
  if (!available) text += nobody_text(chosen);
  out["available"] = available;
  out["client"] = sample.client_ip.empty() ? json::value(nullptr) : json::string(sample.client_ip);
  out["version"] = chosen.name;
  out["reason"] = routing::to_string(assignment.reason);
  out["rule"] = routing::to_string(rule);
  out["flag"] = assignment.flag.empty() ? json::value(nullptr) : json::string(assignment.flag);
  out["bucket"] = assignment.has_subject
                      ? number(Share{static_cast<std::int32_t>(assignment.bucket)}.as_percent())
                      : json::value(nullptr);
  out["weight"] = number(Share{chosen.weight}.as_percent());
  out["sets_cookie"] = assignment.set_cookie;
  out["flags"] = flags_view(*snapshot, {&sample.head, sample.client_ip}, assignment);
  out["text"] = std::move(text);
  Reply reply;
  reply.body = std::move(out);
  return reply;
}

}  // namespace cutwater::control
