// Feeds bytes as the body of PUT of a version: there is never a crash, and what is accepted can be
// stored, read again as the same, and put into force.
#include "control/admin/strict_json.hpp"
#include "control/operations/version_change.hpp"
#include "tests/fuzz/fuzz_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cutwater;
  using namespace cutwater::control;
  const admin::ParsedJson parsed = admin::parse_strict_json(fuzz::as_text(data, size));
  if (!parsed.error.empty() || !parsed.value.is_object()) return 0;
  config::Service service;
  service.name = "shop";
  service.versions = {{"blue", {{"http://127.0.0.1:9001", {"127.0.0.1", 9001}}}}};
  const auto read =
      read_version_change(parsed.value.as_object(), {"green", &service, &service, "blue"});
  const auto* state = std::get_if<VersionState>(&read);
  if (state == nullptr) return 0;
  fuzz::check(version_state_from_json(to_json(*state)) == *state, "stored is read again");
  VersionStates states{{"green", *state}};
  fuzz::check(take_overruled(states, service).empty(), "the file has not changed");
  const config::Service changed = with_changes(service, states);
  fuzz::check(changed.find_version("green")->endpoints.size() == state->endpoints.size(),
              "every endpoint is in force");
  return 0;
}
