#include "proxy/routing/assignment.hpp"

#include <algorithm>
#include <optional>

#include "proxy/routing/cookie_header.hpp"
#include "proxy/routing/splitter.hpp"

namespace cutwater::routing {
namespace {

using Key = config::Sticky::Key;

// Own cookies that fail their MAC are skipped, but only so many, because each costs a hash.
constexpr int kCookiesTried = 16;
std::string_view id_bytes(const CookieId& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

// A tester asked for the candidate of the running rollout.
bool is_preview(const ServiceSnapshot& service, const http::RequestHead& head) {
  if (!service.preview) return false;
  const config::Preview& preview = *service.preview;
  switch (preview.by) {
    case config::Preview::By::Host:
      return http::iequals(head.host, preview.value);
    case config::Preview::By::Header: {
      const http::Field* field = head.fields.find(preview.key);
      return field != nullptr && field->value == preview.value;
    }
    case config::Preview::By::Cookie:
      return find_cookie(head.fields, preview.key, [](std::string_view) { return true; }) ==
             preview.value;
  }
  return false;
}

// The dice are thrown for the flag's own subject, so its failures count once, and the browser's do
// not count.
FlagDraw draw_of(const FlagSnapshot& flag, const FlagVerdict& verdict, std::string_view subject,
                 std::uint64_t split_client) {
  if (verdict.rule != FlagRule::Percentage) return {};
  const bool by_split = flag.key.key == Key::OwnCookie;
  return {flag.comparison.get(), verdict.matched, Share{flag.percentage}.ratio(),
          by_split ? split_client : client_hash(subject)};
}

// Takes the first flag that matches and whose version exists.
bool assign_by_flag(const ServiceSnapshot& service, const RequestView& request,
                    std::string_view split_subject, Assignment& assignment) {
  for (const FlagSnapshot& flag : service.flags) {
    if (!flag.enabled) continue;
    AddressBytes address;
    const std::string_view subject = flag_subject(flag, request, split_subject, address);
    const FlagVerdict verdict = evaluate(flag, request.head->fields, subject);
    if (flag.comparison) assignment.draw = draw_of(flag, verdict, subject, assignment.client);
    if (!verdict.matched) continue;
    assignment.wanted = verdict.version;
    assignment.reason = Reason::Flag;
    assignment.flag = flag.name;
    assignment.flag_verdict = verdict;
    assignment.flag_monitor = flag.monitor.get();
    return true;
  }
  return false;
}

// A flag may be about the visitor's id: then the id must be there before the flag is asked.
bool any_flag_by_own_cookie(const ServiceSnapshot& service) {
  return std::any_of(service.flags.begin(), service.flags.end(), [](const FlagSnapshot& flag) {
    return flag.enabled && flag.key.key == Key::OwnCookie;
  });
}

// A flag that forced the version stays in force; the subject is still worth knowing.
void assign_by_subject(const ServiceSnapshot& service, std::string_view subject, Reason reason,
                       Assignment& assignment) {
  assignment.bucket = bucket_of(subject, service.salt);
  assignment.has_subject = true;
  if (assignment.reason == Reason::Flag || assignment.reason == Reason::Preview) return;
  assignment.wanted = split(service, subject);
  assignment.reason = reason;
  assignment.random = true;
}

// From another site a browser keeps a SameSite cookie back: its user may have one, and a new one
// would deal that user anew for good. Lax cookies do come with links, which are GET.
bool may_set_cookie(const ServiceSnapshot& service, const http::RequestHead& head) {
  using SameSite = config::Sticky::SameSite;
  if (service.sticky.same_site == SameSite::None) return true;
  if (service.sticky.same_site == SameSite::Lax && head.method == http::Method::Get) return true;
  const http::Field* site = head.fields.find("Sec-Fetch-Site");
  return site == nullptr || site->value != "cross-site";
}

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::Preview:
      return "preview";
    case Reason::Flag:
      return "flag";
    case Reason::Sticky:
      return "sticky";
    case Reason::Key:
      return "key";
    case Reason::Chance:
      return "chance";
    case Reason::Stable:
      return "stable";
  }
  return "unknown";
}

std::string_view bytes_of(const std::optional<CookieId>& id) {
  return id ? id_bytes(*id) : std::string_view();
}

std::string_view flag_subject(const FlagSnapshot& flag, const RequestView& request,
                              std::string_view split_subject, AddressBytes& address) {
  if (flag.key.key == Key::OwnCookie) return split_subject;
  return subject_by_key(flag.key, request, address);
}

std::optional<CookieId> own_cookie(const ServiceSnapshot& service, const http::FieldList& fields) {
  std::optional<CookieId> id;
  int tries = 0;
  find_cookie(fields, service.sticky.name, [&](std::string_view value) {
    if (++tries <= kCookiesTried) id = service.cookie_key.verify(value);
    return id.has_value();
  });
  return id;
}

Assignment assign(const ServiceSnapshot& service, const RequestView& request, Random& random,
                  CookieIdSource& ids) {
  Assignment assignment;
  const http::FieldList& fields = request.head->fields;
  const bool preview = is_preview(service, *request.head);
  if (preview) {
    assignment.wanted = service.preview_version;
    assignment.reason = Reason::Preview;
  }
  AddressBytes address;
  std::optional<CookieId> id;
  if (service.sticky.key == Key::OwnCookie) {
    id = own_cookie(service, fields);
    assignment.set_cookie =
        !id && service.versions.size() > 1 && may_set_cookie(service, *request.head);
    if (id) assignment.client = client_hash(id_bytes(*id));
    if (!id && any_flag_by_own_cookie(service)) id = ids.next();
  }
  const bool forced = preview || assign_by_flag(service, request, bytes_of(id), assignment);
  if (service.sticky.key == Key::OwnCookie) {
    // The id is random, so the side of the split that it falls on is a draw of its own, too.
    if (!id) id = ids.next();
    if (assignment.set_cookie) assignment.new_cookie = *id;
    assign_by_subject(service, id_bytes(*id), Reason::Sticky, assignment);
  } else if (const auto key = subject_by_key(service.sticky, request, address); !key.empty()) {
    assignment.client = client_hash(key);
    assign_by_subject(service, key, Reason::Key, assignment);
  } else if (!forced) {
    assignment.wanted = draw(service, random);
    assignment.reason = Reason::Chance;
    assignment.random = true;
  }
  assignment.first_reason = assignment.reason;
  assignment.version = assignment.wanted;
  const VersionSnapshot& chosen = service.versions[assignment.version];
  if (assignment.random) assignment.weight = chosen.weight;
  if (!chosen.usable()) fall_to_stable(service, assignment);
  return assignment;
}

void fall_to_stable(const ServiceSnapshot& service, Assignment& assignment) {
  // Nothing is left to fall back to: stable keeps the request, and the exchange answers 503 if it
  // must.
  if (assignment.version == service.stable) return;
  assignment.version = service.stable;
  assignment.reason = Reason::Stable;
  assignment.weight = 0;
  assignment.random = false;
}

bool is_still_in_force(const ServiceSnapshot& service, const Assignment& assignment,
                       const RoutingSnapshot& now) {
  if (assignment.reason == Reason::Preview) return true;
  for (const auto& known : now.services) {
    if (known->id != service.id) continue;
    const std::size_t index = known->find_version(service.versions[assignment.version].name);
    if (index == known->versions.size()) return false;
    if (assignment.reason == Reason::Flag) return known->has_flag_on(assignment.flag);
    // A request that fell back to stable may stay there: stable has no weight of its own at the
    // last step.
    if (assignment.reason == Reason::Stable) return index == known->stable;
    return known->versions[index].weight != 0;
  }
  return false;
}

}  // namespace cutwater::routing
