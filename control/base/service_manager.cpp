#include "control/base/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace cutwater::control {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<std::uint64_t> number_in(const char* name) {
  const std::string text = variable(name);
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The variable may have been inherited from a parent that is the one to be watched.
std::optional<std::chrono::microseconds> watchdog_for_us() {
  const auto time = number_in("WATCHDOG_USEC");
  if (!time || *time == 0 || *time > INT64_MAX) return std::nullopt;
  const std::string pid = variable("WATCHDOG_PID");
  if (!pid.empty() && pid != std::to_string(getpid())) return std::nullopt;
  return std::chrono::microseconds(*time);
}

std::string monotonic_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

ServiceManager::ServiceManager() : ServiceManager(variable("NOTIFY_SOCKET"), watchdog_for_us()) {}

void ServiceManager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + std::string(status.substr(0, status.find('\n'))));
}

// MONOTONIC_USEC is what Type=notify-reload asks for; Type=notify reads over it.
void ServiceManager::reloading() const {
  tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic_usec());
}

void ServiceManager::stopping() const {
  tell("STOPPING=1\nSTATUS=draining");
}

void ServiceManager::alive() const {
  tell("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> ServiceManager::watchdog_pause() const {
  if (!watchdog_ || path_.empty()) return std::nullopt;
  return *watchdog_ / 2;
}

void ServiceManager::tell(const std::string& lines) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() < 2 || path_.size() >= sizeof address.sun_path) return;
  if (path_[0] != '/' && path_[0] != '@') return;
  std::copy(path_.begin(), path_.end(), address.sun_path);
  if (path_[0] == '@') address.sun_path[0] = '\0';
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
  static_cast<void>(sendto(descriptor, lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&address), length));
  close(descriptor);
}

}  // namespace cutwater::control
