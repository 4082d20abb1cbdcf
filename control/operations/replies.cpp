#include "control/operations/replies.hpp"

#include "control/base/problems_json.hpp"
#include "control/operations/policy.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;

Reply no_service(const std::string& service) {
  return problem(404, "service_unknown", "there is no service `" + service + "`");
}

Reply no_version(const std::string& service, const std::string& version) {
  return problem(404, "version_unknown", "`" + service + "` has no version `" + version + "`");
}

std::optional<Reply> check_precondition(const ServiceState& state, const Precondition& given) {
  using Kind = Precondition::Kind;
  const std::uint64_t current = state.generation;
  const json::object extra{{"current_generation", current}};
  const std::string hint = "; the current generation is " + std::to_string(current);
  switch (given.kind) {
    case Kind::Any:
      return std::nullopt;
    case Kind::Absent:
      return problem(428, "precondition_required",
                     "send If-Match with the ETag you last saw, or * if you do not care" + hint,
                     extra);
    case Kind::Unusable:
      return problem(412, "precondition_failed",
                     "If-Match must be one strong ETag such as \"7\", or *" + hint, extra);
    case Kind::Generation:
      break;
  }
  if (given.generation == current) return std::nullopt;
  return problem(412, "precondition_failed",
                 "somebody else has changed `" + state.name + "` since you looked: you sent " +
                     std::to_string(given.generation) + hint + ". Read it again and decide again",
                 extra);
}

Reply weights_reply(const ServiceState& state) {
  Reply reply;
  reply.body = weights_view(state);
  reply.etag = state.generation;
  return reply;
}

Reply store_problem(const StoreError& error) {
  if (error.kind == StoreError::Kind::Full)
    return problem(507, "storage_full",
                   "state_dir has no space left, nothing was changed: " + error.message +
                       ". Free some space and ask again; requests are proxied as before");
  return problem(503, "storage_unavailable",
                 "state cannot be written, nothing was changed: " + error.message +
                     ". Requests are proxied as before");
}

Reply history_unreadable(const StoreError& error) {
  return problem(error.kind == StoreError::Kind::Corrupt ? 500 : 503, "history_unreadable",
                 error.message);
}

Reply config_refused(const std::vector<config::Problem>& problems) {
  return problem(422, "invalid_config",
                 "the configuration was not taken over, the running one stays: " +
                     config::to_string(problems.front()),
                 {{"problems", problems_json(problems)}});
}

Reply not_taken(const NotTaken& why) {
  if (const auto* problems = std::get_if<std::vector<config::Problem>>(&why))
    return config_refused(*problems);
  if (const auto* place = std::get_if<ForbiddenPlace>(&why)) return forbidden(*place);
  return store_problem(std::get<StoreError>(why));
}

std::optional<Reply> check_capacity(const Capacity& capacity, const ServiceState& state,
                                    const std::string& version, Share share) {
  const Share most = capacity.of(state, version);
  if (share <= most) return std::nullopt;
  return problem(409, "outside_capacity",
                 "the healthy endpoints of `" + version + "` can carry " + to_string(most) +
                     " of the traffic, not " + to_string(share) + "; `force` does it all the same",
                 {{"version", version}, {"can_carry", most.as_percent()}});
}

}  // namespace cutwater::control
