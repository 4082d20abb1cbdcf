// Tests what systemd hears.
#include "control/base/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace cutwater::control {
namespace {
using std::chrono::microseconds;

// Listens in the abstract name space, where no file is left behind.
class Manager {
 public:
  Manager() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // The kernel chooses the name.
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    socklen_t length = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    path_.assign(address.sun_path, length - offsetof(sockaddr_un, sun_path));
    path_[0] = '@';
  }
  ~Manager() { close(socket_); }

  const std::string& path() const { return path_; }
  // What was told; empty if nothing was.
  std::string heard() {
    std::array<char, 512> text;
    const ssize_t size = recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  int socket_ = socket(AF_UNIX, SOCK_DGRAM, 0);
  std::string path_;
};

TEST(ServiceManager, HearsHowTheProcessIs) {
  Manager systemd;
  const ServiceManager manager(systemd.path(), std::nullopt);
  manager.ready("serving");
  EXPECT_EQ(systemd.heard(), "READY=1\nSTATUS=serving");
  manager.reloading();
  EXPECT_EQ(systemd.heard().find("RELOADING=1\nMONOTONIC_USEC="), 0u);
  manager.stopping();
  EXPECT_EQ(systemd.heard(), "STOPPING=1\nSTATUS=draining");
  manager.alive();
  EXPECT_EQ(systemd.heard(), "WATCHDOG=1");
  EXPECT_EQ(systemd.heard(), "");
}

TEST(ServiceManager, HearsOneStatusNotASecondCommand) {
  Manager systemd;
  ServiceManager(systemd.path(), std::nullopt).ready("fine\nSTOPPING=1");
  EXPECT_EQ(systemd.heard(), "READY=1\nSTATUS=fine");
}

TEST(ServiceManager, ThatDoesNotListenStopsNothing) {
  for (const char* path : {"", "@", "/", "relative", "/nonexistent/notify"})
    ServiceManager(path, std::nullopt).ready("serving");
  ServiceManager("/" + std::string(200, 'x'), std::nullopt).ready("serving");
}

TEST(ServiceManager, IsToldInTimeThatTheProcessLives) {
  EXPECT_EQ(ServiceManager("@x", microseconds(2'000'000)).watchdog_pause(),
            microseconds(1'000'000));
  EXPECT_EQ(ServiceManager("@x", std::nullopt).watchdog_pause(), std::nullopt);
  EXPECT_EQ(ServiceManager("", microseconds(2)).watchdog_pause(), std::nullopt);
}

TEST(ServiceManager, MayWatchAnotherProcess) {
  setenv("NOTIFY_SOCKET", "@x", 1);
  setenv("WATCHDOG_USEC", "2000000", 1);
  EXPECT_EQ(ServiceManager().watchdog_pause(), microseconds(1'000'000));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager().watchdog_pause(), std::nullopt);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManager().watchdog_pause(), microseconds(1'000'000));
  for (const char* none : {"0", "-1", "2s", "", "99999999999999999999"}) {
    setenv("WATCHDOG_USEC", none, 1);
    EXPECT_EQ(ServiceManager().watchdog_pause(), std::nullopt) << none;
  }
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
}

}  // namespace
}  // namespace cutwater::control
