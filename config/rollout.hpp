// Holds what the `rollout:` section of a service says: the defaults of every rollout, the gates it
// must pass, and how much traffic a version may carry. They are plain values, included by
// model.hpp; the initialisers are the documented defaults.
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
  GuardLimits guards;            // evidence starts again where they change
  friend bool operator==(const RolloutStep&, const RolloutStep&) = default;
};

// The next weight is the largest that keeps the expected number of failed requests, which users see
// before detection, within `failed_requests`. It is at least `least` and at most `most` above the
// present weight.
struct AdaptiveSteps {
  std::uint64_t failed_requests = 50;
  Share least = Share::percent(1);
  Share most = Share::percent(25);
};

// Describes a deployment window: days and minutes of the day at the rollout's UTC offset.
struct Window {
  std::string text;            // "Mon-Fri 08:00-17:00", as shown
  std::uint8_t days = 0;       // bit 0 is Monday
  int from_minute = 0;         // of the day
  int until_minute = 24 * 60;  // of the day, exclusive
};

// Says who sees the candidate before other users: requests with this header, cookie or host.
struct Preview {
  enum class By { Header, Cookie, Host };
  By by = By::Header;
  std::string key;    // of the header or cookie
  std::string value;  // exact; the host in lower case
  Duration bake{0};   // least time of the preview
};

// Describes one request that the proxy sends to every healthy endpoint of the candidate before the
// switch.
struct SmokeCheck {
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  int status = 200;
  std::string header;      // response field that must be there; empty if none is asked for
  std::string value;       // its exact value; empty means any value
  std::string body;        // a part of the body; empty if the body is not looked at
  std::string body_regex;  // POSIX extended; empty if the body is not looked at
  Duration within = std::chrono::seconds(5);
};

// Describes a webhook. An answer of 2xx passes, after 202 the hook is asked again, anything else
// fails.
struct Hook {
  enum class At { Before, Step, After, Rollback };
  At at = At::Before;
  std::string url;
  std::string secret;         // signs the body; if empty, the body is not signed. Never shown
  std::string secret_origin;  // "${env:NAME}" or "${file:PATH}"
  Duration timeout = std::chrono::seconds(10);
  std::uint64_t retries = 3;  // after an answer that is no verdict: 5xx, 429
};

// The version is replaced endpoint by endpoint. An endpoint gets its new version by a hook, or
// somebody calls `:ready`.
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
  Duration max_step = std::chrono::hours(1);  // then on_inconclusive applies
  OnInconclusive on_inconclusive = OnInconclusive::Hold;
  std::vector<Share> approval;  // a person must agree before these steps are left
  bool four_eyes = false;       // and not the person who started it
  Duration approval_expiry = std::chrono::hours(24);  // then the rollout ends as if aborted
  Share holdback;  // stays on the old version while the last step bakes
  std::optional<AdaptiveSteps> adaptive;
  std::vector<Window> windows;  // empty means always
  int utc_offset_minutes = 0;   // of the windows
  std::optional<Preview> preview;
  std::vector<SmokeCheck> smoke;
  Duration keep_old = std::chrono::hours(1);  // the old version stays this long for a rollback
  RollingDefaults rolling;
  std::vector<Hook> hooks;
  // Limits the share of the traffic per healthy endpoint. If it is absent, a version may carry the
  // share of its endpoints that are healthy.
  std::optional<Share> max_share_per_endpoint;
};

}  // namespace cutwater::config
