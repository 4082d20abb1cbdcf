// Holds flock on STATE_DIR/lock, so that only one process uses a state directory. The lock is held
// for the life of the store; the kernel releases it when the process ends, however it ends.
#pragma once

#include <memory>
#include <string>

namespace cutwater::control {

class StateLock {
 public:
  enum class Failure { None, HeldByOther, Directory };
  // On failure it returns nullptr, with `failure` and a `message` for a person.
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
