// Feeds bytes as the body of a new rollout: a plan that is accepted rises, ends, and survives the
// store; anything else is a refusal that names a member. It also feeds them as a stored plan: there
// is never a crash.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <cstdlib>

#include "control/rollout/plan.hpp"

namespace control = cutwater::control;
namespace json = boost::json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  boost::system::error_code error;
  const json::value value = json::parse({reinterpret_cast<const char*>(data), size}, error);
  if (error || !value.is_object()) return 0;
  control::plan_from_json(value);
  cutwater::config::RolloutDefaults defaults;
  defaults.approval = {cutwater::Share::percent(50)};
  const auto parsed = control::parse_rollout_request(value.as_object(), defaults);
  const auto* request = std::get_if<control::RolloutRequest>(&parsed);
  if (request == nullptr) return 0;
  const auto& stages = request->plan.stages;
  for (std::size_t i = 1; i < stages.size(); ++i)
    if (stages[i].weight <= stages[i - 1].weight) std::abort();
  if (!request->plan.is_rolling() && !request->plan.wants_approval()) std::abort();
  const auto again = control::plan_from_json(control::to_json(request->plan));
  if (!again || control::to_json(*again) != control::to_json(request->plan)) std::abort();
  return 0;
}
