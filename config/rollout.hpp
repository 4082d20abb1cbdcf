// What the `rollout:` section of a service says: the defaults of every rollout, the gates it must
// pass, and what a version may carry. Plain values, included by model.hpp; initialisers are the
// documented defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/guards.hpp"
#include "config/share.hpp"

namespace cutwater::config {

using Duration = std::chrono::milliseconds;

struct RolloutStep {
  RolloutStep() = default;
  RolloutStep(Share share) : weight(share) {}  // NOLINT: a bare share is a step
  Share weight;
  std::optional<Duration> bake;  // instead of the rollout's
  GuardLimits guards;            // evidence begins anew where they change
  friend bool operator==(const RolloutStep&, const RolloutStep&) = default;
};

// The next weight is the largest that keeps the failed requests users are expected to see before
// detection within `failed_requests`, at least `least` and at most `most` above the present one.
struct AdaptiveSteps {
  std::uint64_t failed_requests = 50;
  Share least = Share::percent(1);
  Share most = Share::percent(25);
};

// A deployment window: days and minutes of the day at the rollout's UTC offset.
struct Window {
  std::string text;            // "Mon-Fri 08:00-17:00", as shown
  std::uint8_t days = 0;       // bit 0 is Monday
  int from_minute = 0;         // of the day
  int until_minute = 24 * 60;  // exclusive
};

// Who sees the candidate before anybody else: requests with this header, cookie or host.
struct Preview {
  enum class By { Header, Cookie, Host };
  By by = By::Header;
  std::string key;    // of the header or cookie
  std::string value;  // exact; the host in lower case
  Duration bake{0};   // least time of the preview
};

// One request the proxy asks every healthy endpoint of the candidate before the switch.
struct SmokeCheck {
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  int status = 200;
  std::string header;      // response field that must be there; empty: none asked for
  std::string value;       // exactly so; empty: any value
  std::string body;        // a part of the body; empty: not looked at
  std::string body_regex;  // POSIX extended; empty: not looked at
  Duration within = std::chrono::seconds(5);
};

// A webhook. 2xx passes, 202 is asked again, anything else fails.
struct Hook {
  enum class At { Before, Step, After, Rollback };
  At at = At::Before;
  std::string url;
  std::string secret;         // signs the body; empty: not signed. Never shown
  std::string secret_origin;  // "${env:NAME}" or "${file:PATH}"
  Duration timeout = std::chrono::seconds(10);
  std::uint64_t retries = 3;  // after an answer that is no verdict: 5xx, 429
};

// Endpoint by endpoint. How an endpoint gets its new version: a hook, or somebody calls `:ready`.
struct RollingDefaults {
  std::uint64_t max_unavailable = 1;
  Duration drain_timeout = std::chrono::seconds(30);
  Duration ready_timeout = std::chrono::minutes(10);
  std::optional<Hook> hook;
};

struct RolloutDefaults {
  enum class OnInconclusive { Hold, Extend, Promote, Rollback };
  std::string strategy = "canary";
  std::vector<RolloutStep> steps = {Share::percent(5), Share::percent(10), Share::percent(25),
                                    Share::percent(50), Share::percent(100)};
  Duration bake = std::chrono::seconds(60);   // least time at a step; never enough alone
  Duration max_step = std::chrono::hours(1);  // then on_inconclusive
  OnInconclusive on_inconclusive = OnInconclusive::Hold;
  std::vector<Share> approval;  // a person must agree before these steps are left
  bool four_eyes = false;       // and not the one who started it
  Duration approval_expiry = std::chrono::hours(24);  // then the rollout ends as if aborted
  Share holdback;  // stays on the old version while the last step bakes
  std::optional<AdaptiveSteps> adaptive;
  std::vector<Window> windows;  // empty: always
  int utc_offset_minutes = 0;   // of the windows
  std::optional<Preview> preview;
  std::vector<SmokeCheck> smoke;
  Duration keep_old = std::chrono::hours(1);  // the old version stays for a rollback so long
  RollingDefaults rolling;
  std::vector<Hook> hooks;
  // Of the traffic, per healthy endpoint. Absent: a version may carry the share of its endpoints
  // that are healthy.
  std::optional<Share> max_share_per_endpoint;
};

}  // namespace cutwater::config
