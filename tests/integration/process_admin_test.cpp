// Tests who may ask a running proxy after a reload, the admin API over TLS, and what the process
// tells systemd.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>

#include "tests/support/process.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {
namespace {

// The socket that NOTIFY_SOCKET names, without a file.
class NotifySocket {
 public:
  NotifySocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_ = "cutwater-test-" + std::to_string(::getpid());
    name_.copy(address.sun_path + 1, name_.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0)
      throw TestFailure("no notify socket");
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  std::string name() const { return "@" + name_; }
  // True once a datagram that begins like this has come; others are passed over.
  bool hears(const std::string& start) const {
    return eventually([&] {
      pollfd waiting{fd_, POLLIN, 0};
      char text[256];
      while (::poll(&waiting, 1, 0) == 1) {
        const ssize_t size = ::recv(fd_, text, sizeof text, 0);
        if (size > 0 && std::string(text, static_cast<std::size_t>(size)).starts_with(start))
          return true;
      }
      return false;
    });
  }

 private:
  int fd_;
  std::string name_;
};

class AdminProcess : public testing::Test {
 protected:
  std::string token(const std::string& name) {
    const std::string path = directory.write(name, secret(name));
    return "{name: " + name + ", role: admin, secret: \"${file:" + path + "}\"}";
  }
  static std::string secret(const std::string& name) { return name + "-0123456789abcdef"; }

  FakeUpstream blue, green;
  ShopFile file{blue, green};
  TempDirectory directory;
};

TEST_F(AdminProcess, AReloadTakesTokensOverAndNamesWhatNeedsARestart) {
  file.admin = "{listen: \"127.0.0.1:0\", tokens: [" + token("alice") + ", " + token("bob") + "]}";
  CutwaterProcess cutwater(file, {.state_dir = {}, .token = secret("bob"), .environment = {}});
  const auto status = [&](const std::string& who) {
    return Admin(cutwater.admin_port(), secret(who)).get("/v1/services").status;
  };
  EXPECT_EQ(status("alice"), 200);
  EXPECT_EQ(status("carol"), 401);
  file.admin = "{listen: \"127.0.0.1:0\", tokens: [" + token("bob") + ", " + token("carol") + "]}";
  cutwater.rewrite_config(file);
  EXPECT_EQ(cutwater.run({"reload"}).exit_code, 0);
  EXPECT_EQ(status("alice"), 401);
  EXPECT_EQ(status("carol"), 200);

  file.admin.insert(1, "probes: \"127.0.0.1:0\", ");
  cutwater.rewrite_config(file);
  const Finished refused = cutwater.run({"reload"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("`admin.probes` can only change with a restart"), refused.err.npos)
      << refused.err;
}

TEST_F(AdminProcess, TheAdminApiSpeaksTlsWithRenewedCertificates) {
  TestAuthority authority;
  const IssuedCert ours = authority.issue({.names = {"127.0.0.1"}});
  file.admin = "{listen: \"127.0.0.1:0\", tls: {certificates: [{cert: " + ours.cert_path +
               ", key: " + ours.key_path + "}]}}";
  CutwaterProcess cutwater(file);
  const std::string port = std::to_string(cutwater.admin_port());
  const auto status = [&](const std::string& host) {
    return cutwater
        .run({"status", "--admin", "https://" + host + ":" + port, "--ca", authority.ca_path()})
        .exit_code;
  };
  EXPECT_EQ(status("127.0.0.1"), 0);
  EXPECT_EQ(status("localhost"), 10) << "the name is not in the certificate";
  authority.renew(ours, {.names = {"localhost"}});
  EXPECT_TRUE(eventually([&] { return status("localhost") == 0; }));
}

TEST_F(AdminProcess, SystemdHearsHowItIsDoing) {
  const NotifySocket systemd;
  CutwaterProcess cutwater(
      file, {.state_dir = {},
             .token = {},
             .environment = {{"NOTIFY_SOCKET", systemd.name()}, {"WATCHDOG_USEC", "20000"}}});
  EXPECT_TRUE(systemd.hears("READY=1"));
  EXPECT_TRUE(systemd.hears("WATCHDOG=1"));
  cutwater.process().signal(SIGHUP);
  EXPECT_TRUE(systemd.hears("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_TRUE(systemd.hears("READY=1"));
  cutwater.process().signal(SIGTERM);
  EXPECT_TRUE(systemd.hears("STOPPING=1"));
}

TEST_F(AdminProcess, NoCoreFileHoldsTokensAndKeys) {
  CutwaterProcess cutwater(file);
  const std::string limits =
      read_file("/proc/" + std::to_string(cutwater.process().pid()) + "/limits");
  const std::size_t core = limits.find("Max core file size");
  ASSERT_NE(core, limits.npos);
  EXPECT_EQ(limits.substr(core + 26, 2), "0 ") << limits;
}

}  // namespace
}  // namespace cutwater::test
