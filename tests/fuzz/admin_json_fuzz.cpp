// Feeds bytes as an admin body: there is never a crash, and what is accepted is still accepted
// after one round through the serializer. The values are not compared, because Boost.JSON 1.81
// reads long numbers only to within a few units in the last place.
#include <boost/json/serialize.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "control/admin/route.hpp"
#include "control/admin/strict_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace admin = cutwater::control::admin;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const admin::ParsedJson parsed = admin::parse_strict_json(text);
  if (parsed.error.empty()) {
    const admin::ParsedJson again = admin::parse_strict_json(boost::json::serialize(parsed.value));
    if (!again.error.empty() || again.value.kind() != parsed.value.kind()) std::abort();
  }
  // The request line's target and the conditional header come from the same place.
  admin::parse_query(text);
  admin::parse_if_match({text});
  admin::match_route(boost::beast::http::verb::get, text);
  return 0;
}
