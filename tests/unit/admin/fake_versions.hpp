// The part of the fake controller that knows single versions.
#pragma once

#include <string>

#include "tests/unit/admin/fake_flags.hpp"

namespace cutwater::control {

class FakeVersions : public FakeFlags {
 public:
  bool drained = false;  // every version

  Awaitable<Reply> version(std::string name, std::string version, VersionAction action,
                           Actor actor) override {
    static constexpr const char* kActions[] = {"show ", "drain ", "unlock "};
    note(kActions[static_cast<int>(action)] + name + " " + version + " by " + actor.name);
    if (refusal) co_return *refusal;
    co_return ok({{"name", version},
                  {"locked_out", false},
                  {"active", drained ? 0 : 3},
                  {"drained", drained}});
  }
  Awaitable<Reply> put_version(std::string name, std::string version, boost::json::object body,
                               Precondition precondition, Actor actor) override {
    note("put_version " + name + " " + version + " " + boost::json::serialize(body) + " if-match " +
         text(precondition) + " by " + actor.name);
    if (refusal) co_return *refusal;
    Reply reply = ok({{"name", version}, {"endpoints", body.at("endpoints")}});
    reply.status = 201;
    co_return reply;
  }
  Awaitable<Reply> remove_version(std::string name, std::string version, Precondition precondition,
                                  Actor actor, bool dry_run) override {
    note("remove_version " + name + " " + version + " if-match " + text(precondition) + " by " +
         actor.name + (dry_run ? " dry" : ""));
    if (refusal) co_return *refusal;
    co_return ok({{"generation", generation}, {"weights", {{"blue", 100}}}});
  }
};

}  // namespace cutwater::control
