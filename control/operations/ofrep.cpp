#include "control/operations/ofrep.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <deque>
#include <map>
#include <optional>
#include <variant>

#include "config/names.hpp"
#include "control/base/json_text.hpp"
#include "proxy/routing/assignment.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

using routing::FlagRule;
using routing::FlagSnapshot;
using routing::ServiceSnapshot;

struct Failure {
  const char* code;
  std::string details;
};

json::object failure_view(const std::string& key, const Failure& failure) {
  json::object out;
  if (!key.empty()) out["key"] = key;
  out["errorCode"] = failure.code;
  out["errorDetails"] = failure.details;
  return out;
}

Reply failed(int status, const std::string& key, const Failure& failure) {
  Reply reply;
  reply.status = status;
  reply.media_type = "application/json";
  reply.body = failure_view(key, failure);
  return reply;
}

// Holds the context as the request that the edge would see. It owns the texts that the head points
// into.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  std::optional<Failure> read(const json::object& request);
  const std::optional<std::string>& targeting_key() const { return targeting_key_; }
  const http::FieldList& fields() const { return head_.fields; }
  routing::RequestView view() const { return {&head_, client_ip_}; }

 private:
  std::optional<Failure> read_member(const std::string& name, const json::value& value);
  std::optional<Failure> read_texts(const std::string& name, const json::value& value);
  void add_header(std::string_view name, std::string_view value);
  void add_cookie(std::string_view name, std::string_view value);

  std::optional<std::string> targeting_key_;
  std::string client_ip_;
  std::deque<std::string> texts_;
  std::string cookies_;
  bool full_ = false;
  http::RequestHead head_;
};

std::optional<std::string> scalar_text(const json::value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_bool() || value.is_number()) return to_text(value);
  return std::nullopt;
}

void Context::add_header(std::string_view name, std::string_view value) {
  const std::string& kept_name = texts_.emplace_back(name);
  const std::string& kept_value = texts_.emplace_back(value);
  full_ = !head_.fields.push_back({kept_name, kept_value, http::FieldId::Other}) || full_;
}

void Context::add_cookie(std::string_view name, std::string_view value) {
  if (value.find(';') != value.npos) return;  // no cookie can have this value
  if (!cookies_.empty()) cookies_ += "; ";
  cookies_.append(name).append("=").append(value);
}

std::optional<Failure> Context::read_texts(const std::string& name, const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return Failure{"INVALID_CONTEXT", "`" + name + "`: an object is meant"};
  for (const auto& [key, member] : *object) {
    const auto text = scalar_text(member);
    const std::string_view title(key.data(), key.size());
    if (!text || !config::is_token(title))
      return Failure{"INVALID_CONTEXT",
                     "`" + name + "." + std::string(title) + "`: a name with a text is meant"};
    name == "headers" ? add_header(title, *text) : add_cookie(title, *text);
  }
  return std::nullopt;
}

std::optional<Failure> Context::read_member(const std::string& name, const json::value& value) {
  if (name == "headers" || name == "cookies") return read_texts(name, value);
  const auto text = scalar_text(value);
  if (name == "targetingKey") {
    if (!value.is_string()) return Failure{"INVALID_CONTEXT", "`targetingKey`: a text is meant"};
    if (!text->empty()) targeting_key_ = *text;
    return std::nullopt;
  }
  if (!text || !config::is_token(name)) return std::nullopt;  // structures are for others
  if (name == "client_ip") client_ip_ = *text;
  add_cookie(name, *text);
  if (!http::iequals(name, "cookie")) add_header(name, *text);
  return std::nullopt;
}

std::optional<Failure> Context::read(const json::object& request) {
  const auto* context = request.if_contains("context");
  if (context == nullptr) return std::nullopt;
  if (!context->is_object()) return Failure{"INVALID_CONTEXT", "`context`: an object is meant"};
  for (const auto& [name, value] : context->as_object())
    if (auto wrong = read_member(std::string(name), value)) return wrong;
  if (!cookies_.empty())
    full_ = !head_.fields.push_back({"Cookie", cookies_, http::FieldId::Cookie}) || full_;
  if (full_) return Failure{"INVALID_CONTEXT", "too many attributes"};
  return std::nullopt;
}

// Returns whom the flag is about, as bytes.
std::variant<std::string, Failure> subject_of(const ServiceSnapshot& service,
                                              const FlagSnapshot& flag, const Context& context) {
  using Key = config::Sticky::Key;
  const auto& key = context.targeting_key();
  routing::AddressBytes address;
  if (key && flag.key.key == Key::OwnCookie) {
    const auto id = service.cookie_key.verify(*key);
    if (id) return std::string(routing::bytes_of(id));
    return Failure{"INVALID_CONTEXT",
                   "this flag goes by the proxy's own cookie: targetingKey "
                   "must be the whole value of `" +
                       service.sticky.name + "`"};
  }
  if (key && flag.key.key == Key::ClientIp) {
    address = routing::address_subject(*key);
    if (address.size > 0) return std::string(address.view());
    return Failure{"INVALID_CONTEXT",
                   "this flag goes by the client's address: targetingKey must "
                   "be an IP address"};
  }
  if (key && flag.key.key != Key::None) return *key;
  const auto id = routing::own_cookie(service, context.fields());
  return std::string(routing::flag_subject(flag, context.view(), routing::bytes_of(id), address));
}

const char* reason_of(const FlagSnapshot& flag, const routing::FlagVerdict& verdict) {
  switch (verdict.rule) {
    case FlagRule::Off:
    case FlagRule::NoVersion:
      return "DISABLED";
    case FlagRule::Deny:
      return "TARGETING_MATCH";
    case FlagRule::Allow:
    case FlagRule::When:
      return verdict.matched ? "TARGETING_MATCH" : "DEFAULT";
    case FlagRule::Percentage: {
      const bool all_alike = flag.percentage == 0 || flag.percentage == Share::kWhole;
      return all_alike && flag.arms.size() < 2 ? "STATIC" : "SPLIT";
    }
    case FlagRule::Arms:
      return "SPLIT";
    case FlagRule::NoSubject:
      break;
  }
  return "UNKNOWN";
}

json::object evaluation(const std::string& key, const ServiceSnapshot& service,
                        const FlagSnapshot& flag, const Context& context) {
  std::string subject;
  if (flag.is_on() && flag.needs_subject()) {
    auto found = subject_of(service, flag, context);
    if (const auto* wrong = std::get_if<Failure>(&found)) return failure_view(key, *wrong);
    subject = std::get<std::string>(std::move(found));
  }
  const routing::FlagVerdict verdict = routing::evaluate(flag, context.fields(), subject);
  if (verdict.rule == FlagRule::NoSubject)
    return failure_view(
        key, {"TARGETING_KEY_MISSING", "this flag is about users: send context.targetingKey"});
  // This does what the edge does: a version that is shut or down gets nobody.
  const bool open = verdict.matched && service.versions[verdict.version].usable();
  json::object metadata{{"service", service.name}, {"rule", routing::to_string(verdict.rule)}};
  if (verdict.bucket)
    metadata["bucket"] = number(Share{static_cast<std::int32_t>(*verdict.bucket)}.as_percent());
  if (verdict.matched && !open) metadata["fell_to_stable"] = true;
  const std::string variant = open ? service.versions[verdict.version].name : "off";
  json::object out{{"key", key}};
  out["reason"] = verdict.matched && !open ? "DISABLED" : reason_of(flag, verdict);
  out["variant"] = variant;
  if (flag.arms.size() < 2)
    out["value"] = open;
  else
    out["value"] = variant;
  if (open) metadata["version"] = variant;
  out["metadata"] = std::move(metadata);
  return out;
}

// Calls `each(key, service, flag)` for every flag.
template <typename Each>
void for_flags(const routing::RoutingSnapshot& snapshot, Each each) {
  std::map<std::string_view, int> times;
  for (const auto& service : snapshot.services)
    for (const auto& flag : service->flags) ++times[flag.name];
  for (const auto& service : snapshot.services)
    for (const auto& flag : service->flags)
      each(times[flag.name] == 1 ? flag.name : service->name + "/" + flag.name, *service, flag);
}

}  // namespace

Reply ofrep_flag(const routing::RoutingSnapshot& snapshot, const std::string& key,
                 const json::object& request) {
  const ServiceSnapshot* service = nullptr;
  const FlagSnapshot* flag = nullptr;
  for_flags(snapshot, [&](const std::string& name, const auto& its_service, const auto& its_flag) {
    if (name != key && its_service.name + "/" + its_flag.name != key) return;
    service = &its_service;
    flag = &its_flag;
  });
  if (flag == nullptr)
    return failed(404, key,
                  {"FLAG_NOT_FOUND",
                   "there is no such flag; one that several services have is "
                   "asked for as service/flag"});
  Context context;
  if (const auto wrong = context.read(request)) return failed(400, key, *wrong);
  Reply reply;
  json::object result = evaluation(key, *service, *flag, context);
  if (result.contains("errorCode")) {
    reply.status = 400;
    reply.media_type = "application/json";
  }
  reply.body = std::move(result);
  return reply;
}

Reply ofrep_flags(const routing::RoutingSnapshot& snapshot, const json::object& request) {
  Context context;
  if (const auto wrong = context.read(request)) return failed(400, "", *wrong);
  json::array flags;
  for_flags(snapshot, [&](const std::string& key, const auto& service, const auto& flag) {
    flags.push_back(evaluation(key, service, flag, context));
  });
  Reply reply;
  reply.body = json::object{{"flags", std::move(flags)}};
  const std::string text = to_text(reply.body);
  reply.etag = XXH3_64bits(text.data(), text.size());
  return reply;
}

}  // namespace cutwater::control
