// Everything that can be asked, remembered and answered from plain members; also for the command
// line's tests.
#pragma once

#include "tests/unit/admin/fake_proxy.hpp"
#include "tests/unit/admin/fake_steering.hpp"

namespace cutwater::control {

struct FakeResources : FakeState {
  FakeResources() = default;
  FakeResources(const FakeResources&) = delete;
  FakeResources& operator=(const FakeResources&) = delete;

  Resources all() {
    return {services, weights, rollouts, versions, flags, mirror, configuration, history, proxy};
  }

  FakeServices services{*this};
  FakeWeights weights{*this};
  FakeRollouts rollouts{*this};
  FakeVersions versions{*this};
  FakeFlags flags{*this};
  FakeMirror mirror{*this};
  FakeConfiguration configuration{*this};
  FakeHistory history{*this};
  FakeProxy proxy{*this};
  FakeIdempotency idempotency{*this};
};

}  // namespace cutwater::control
