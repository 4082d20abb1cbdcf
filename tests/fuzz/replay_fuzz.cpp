// Feeds bytes as the record of a rollout, and as the limits to be tried on it. There is never a
// crash; what is accepted as a record is the same record after one round, its ticks are bounded
// without losing a request, and its replay comes to a decision that names its guard.
#include <boost/json/parse.hpp>

#include "control/base/json_text.hpp"
#include "control/rollout/replay.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace control = cutwater::control;
namespace json = boost::json;
using cutwater::fuzz::check;

namespace {

std::uint64_t requests_of(const control::Traffic& ticks) {
  std::uint64_t sum = 0;
  for (const auto& tick : ticks) sum += tick.to.requests + tick.from.requests;
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  boost::system::error_code error;
  const json::value value = json::parse(cutwater::fuzz::as_text(data, size), error);
  if (error || !value.is_object()) return 0;
  control::ReplayCase blank;
  blank.plan.stages.push_back({});
  if (const auto refused = control::change_guards(value.as_object(), blank))
    check(refused->status == 422 && refused->body.as_object().contains("member"), "names a member");

  const auto asked = control::case_from_record(value);
  if (!asked) return 0;
  const auto again = control::case_from_record(control::record_view(*asked));
  check(again && again->ticks == asked->ticks, "the same record after one round");
  const control::Replay found = control::replay(*asked);
  check((found.outcome == control::Replay::Outcome::RolledBack) == (found.decisive() != nullptr),
        "who is rolled back is so by a guard");
  check(!found.summary.empty(), "says what it found");
  control::to_text(control::replay_view(*asked, found));
  control::Traffic shorter = asked->ticks;
  control::coalesce(shorter, 4);
  check(shorter.size() <= 4, "bounded");
  check(requests_of(shorter) <= requests_of(asked->ticks), "invents nothing");
  return 0;
}
