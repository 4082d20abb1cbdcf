// The part of the fake controller that knows flags for applications and shadow traffic.
#pragma once

#include <string>

#include "tests/unit/admin/fake_history.hpp"

namespace cutwater::control {

class FakeFlags : public FakeHistory {
 public:
  Reply mirror(const std::string&) override { return ok({{"share", 5}}); }
  Reply ofrep_flag(const std::string& key, const boost::json::object& request) override {
    note("ofrep " + key + " " + boost::json::serialize(request));
    return ok({{"key", key}, {"value", true}});
  }
  Reply ofrep_flags(const boost::json::object&) override {
    Reply reply = ok({{"flags", boost::json::array{}}});
    reply.etag = 7;
    return reply;
  }
  Awaitable<Reply> put_flag(std::string name, std::string flag, boost::json::object body,
                            Precondition, Actor actor) override {
    note("set " + name + " " + flag + " " + boost::json::serialize(body) + " by " + actor.name);
    co_return ok({{"name", flag}, {"version", "green"}, {"percentage", 25}, {"key", "cookie:uid"}});
  }
  Awaitable<Reply> put_mirror(std::string name, boost::json::object body, Precondition,
                              Actor actor) override {
    note("mirror " + name + " " + boost::json::serialize(body) + " by " + actor.name);
    co_return ok({{"share", 0}});
  }
};

}  // namespace cutwater::control
