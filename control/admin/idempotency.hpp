// Keeps what is known about an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): the
// same request under the same key is done once and answered again. It belongs to control's
// io_context and lives as long as the admin server.
#pragma once

#include <map>
#include <string>

#include "control/base/awaitable.hpp"
#include "control/base/clocks.hpp"
#include "control/base/reply.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control {

struct IdempotentAnswer {
  enum class Kind {
    Miss,      // never seen: go on; the key is in flight until keep()
    Replay,    // answer `reply` again
    Mismatch,  // used before for another request: 422
    InFlight,  // the first request is still running: 409
  };
  Kind kind = Kind::Miss;
  Reply reply;
};

class Idempotency {
 public:
  virtual ~Idempotency() = default;
  // `fingerprint`: a hash of method, path and body, made by the caller. After Miss the caller must
  // call keep() exactly once, also when the operation failed; answers >= 500 are not kept, so that
  // the same key may be tried again.
  virtual Awaitable<IdempotentAnswer> look_up(std::string key, std::string fingerprint) = 0;
  virtual Awaitable<void> keep(std::string key, std::string fingerprint, Reply reply) = 0;
};

// Answers are kept in the store, for a day.
class StoredIdempotency : public Idempotency {
 public:
  StoredIdempotency(AsyncStore& store, const Clocks& clocks) : store_(store), clocks_(clocks) {}

  Awaitable<IdempotentAnswer> look_up(std::string key, std::string fingerprint) override;
  Awaitable<void> keep(std::string key, std::string fingerprint, Reply reply) override;

 private:
  AsyncStore& store_;
  const Clocks& clocks_;
  std::map<std::string, std::string> in_flight_;  // key -> fingerprint
};

}  // namespace cutwater::control
