// Tells the service manager that started this process how it is, by systemd's protocol
// (sd_notify(3): datagrams to $NOTIFY_SOCKET). Without that variable nothing is told. It never
// blocks and never fails: a manager that does not listen must not stop a proxy. Thread: one, the
// main one.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater::control {

class ServiceManager {
 public:
  // Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
  ServiceManager();
  explicit ServiceManager(std::string socket_path,
                          std::optional<std::chrono::microseconds> watchdog)
      : path_(std::move(socket_path)), watchdog_(watchdog) {}

  void ready(std::string_view status) const;
  // A reload has begun; ready() ends it, whatever came of it.
  void reloading() const;
  void stopping() const;
  // The process lives; to be said at least each watchdog_pause().
  void alive() const;
  // Half of the time after which the manager would restart us, as sd_watchdog_enabled(3) advises;
  // nullopt without a watchdog.
  std::optional<std::chrono::microseconds> watchdog_pause() const;

 private:
  void tell(const std::string& lines) const;

  std::string path_;  // '@' at its beginning: in the abstract name space; empty: nobody listens
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace cutwater::control
