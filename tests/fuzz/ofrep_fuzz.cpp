// Feeds bytes as the body of an OFREP evaluation: there is never a crash, always an answer, and the
// same answer when asked again.
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "control/admin/strict_json.hpp"
#include "control/operations/ofrep.hpp"

namespace {
using namespace cutwater;

// The snapshot has one flag of each kind.
routing::RoutingSnapshot make_snapshot() {
  auto shop = std::make_shared<routing::ServiceSnapshot>();
  shop->name = "shop";
  shop->sticky.name = "cw_shop";
  for (const char* name : {"blue", "green"}) {
    shop->versions.emplace_back();
    shop->versions.back().name = name;
  }
  using Kind = config::FlagKey::Kind;
  for (const auto kind : {Kind::Sticky, Kind::Header, Kind::Cookie, Kind::ClientIp}) {
    config::Flag flag;
    flag.name = "flag" + std::to_string(static_cast<int>(kind));
    flag.percentage = Share::percent(50);
    flag.key = config::FlagKey{kind, "uid"};
    flag.version = "green";
    shop->flags.push_back(routing::make_flag(flag, shop->sticky, shop->version_names()));
  }
  config::Flag beta;
  beta.name = "beta";
  beta.when = config::FlagCondition{config::FlagCondition::Source::Cookie, "beta",
                                    config::IdList({"on", "yes"})};
  beta.version = "green";
  shop->flags.push_back(routing::make_flag(beta, shop->sticky, shop->version_names()));
  routing::RoutingSnapshot snapshot;
  snapshot.services.push_back(std::move(shop));
  return snapshot;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const routing::RoutingSnapshot snapshot = make_snapshot();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = control::admin::parse_strict_json(text);
  if (!parsed.error.empty() || !parsed.value.is_object()) return 0;
  const boost::json::object& request = parsed.value.as_object();
  const control::Reply all = control::ofrep_flags(snapshot, request);
  if (all.status != 200 && all.status != 400) std::abort();
  if (control::ofrep_flags(snapshot, request).etag != all.etag) std::abort();
  const control::Reply one = control::ofrep_flag(snapshot, "beta", request);
  if (one.status != all.status) std::abort();  // a context is bad for all flags or for none
  return 0;
}
