// flock on STATE_DIR/lock: one process per state directory. Held for the life of the store; the
// kernel lets go when the process dies, however it dies.
#pragma once

#include <memory>
#include <string>

namespace cutwater::control {

class StateLock {
 public:
  enum class Failure { None, HeldByOther, Directory };
  // On failure: nullptr, `failure` and a `message` for a person.
  static std::unique_ptr<StateLock> acquire(const std::string& state_dir, Failure& failure,
                                            std::string& message);
  ~StateLock();
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace cutwater::control
