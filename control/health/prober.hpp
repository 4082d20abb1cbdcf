// Checks health actively: it asks every endpoint for its health path (or by gRPC's protocol) and
// marks it unhealthy after some failures in a row, healthy again after one success. It always runs
// on control's io_context. It lives as long as the app; stop() (or the destructor) ends every
// probe. It never judges a version: it only says which endpoints may be used, and tells `OnChange`
// when that changes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/routing/endpoint.hpp"

namespace cutwater::control::health {

// Says which endpoint to ask, and how. A target with `health.enabled == false` is not probed.
struct Target {
  std::string service;
  std::string version;
  std::shared_ptr<upstream::Endpoint> endpoint;
  config::Health health;
};

// Asks once. Returns nullopt for a status of `health.status`, otherwise what went wrong, for a
// person. It throws only when cancelled by its owner; a failure to connect is an answer.
boost::asio::awaitable<std::optional<std::string>> ask(Target target);

// Called when an endpoint's health changes; `why` is for people ("3 failures in a row, the last:
// answered 503"). It runs on the io_context and may call update().
using OnChange = std::function<void(const Target& target, bool healthy, const std::string& why)>;

// Provides time, so that tests can set it. The defaults are the real clock and a timer;
// `first_delay` picks when a new target is first asked (at random within its interval, at most a
// second, so that probes of many endpoints spread out, and a new endpoint is still known soon).
struct ProbeTime {
  std::function<TimePoint()> now;
  std::function<boost::asio::awaitable<void>(config::Duration)> sleep;
  std::function<config::Duration(config::Duration interval)> first_delay;
};

class HealthProber {
 public:
  HealthProber(boost::asio::io_context& context, OnChange on_change);
  HealthProber(boost::asio::io_context& context, OnChange on_change, ProbeTime time);
  ~HealthProber();
  HealthProber(const HealthProber&) = delete;
  HealthProber& operator=(const HealthProber&) = delete;

  // Probes exactly these targets from now on. A target that stays (same service, version and
  // endpoint id) keeps its count of failures and its start period, and takes new settings at its
  // next probe. An endpoint that is no longer probed is usable again, because nobody could say when
  // it recovers.
  void update(std::vector<Target> targets);

  void stop();  // ends every probe; OnChange is not called afterwards; idempotent

 private:
  struct Probe;
  struct Shared;
  using Key = std::tuple<std::string, std::string, std::uint32_t>;

  void start(const Key& key, Target target);
  void retire(Probe& probe);

  boost::asio::io_context& context_;
  std::shared_ptr<Shared> shared_;
  std::map<Key, std::shared_ptr<Probe>> probes_;
};

}  // namespace cutwater::control::health
