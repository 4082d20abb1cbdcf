#include "control/store/state_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace cutwater::control {
namespace {

constexpr const char* kSetStateDir = "; set state_dir to a directory that this user may write to";

std::string holder(int fd) {
  char text[32] = {};
  const ssize_t length = pread(fd, text, sizeof text - 1, 0);
  if (length <= 0) return {};
  std::string pid(text, static_cast<std::size_t>(length));
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return " (process " + pid + ")";
}

}  // namespace

std::unique_ptr<StateLock> StateLock::acquire(const std::string& state_dir, Failure& failure,
                                              std::string& message) {
  failure = Failure::Directory;
  std::error_code error;
  const bool created = std::filesystem::create_directories(state_dir, error);
  if (error) {
    message = "state_dir " + state_dir + " cannot be created: " + error.message() + kSetStateDir;
    return nullptr;
  }
  if (created)  // cookie key and history are nobody else's business
    std::filesystem::permissions(state_dir, std::filesystem::perms::owner_all, error);

  const std::string path = state_dir + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    message = "state_dir " + state_dir + " is not usable: cannot open " + path + ": " +
              std::strerror(errno) + kSetStateDir;
    return nullptr;
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      failure = Failure::HeldByOther;
      message = "state_dir " + state_dir + " is in use by another cutwater" + holder(fd) +
                "; give each process its own";
    } else {
      message = "state_dir " + state_dir + " cannot be locked: " + std::strerror(errno);
    }
    close(fd);
    return nullptr;
  }
  // The pid is for the message of a second process; a full disk must not stop the first.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, pid.data(), pid.size(), 0);
  failure = Failure::None;
  return std::unique_ptr<StateLock>(new StateLock(fd));
}

StateLock::~StateLock() {
  close(fd_);
}

}  // namespace cutwater::control
