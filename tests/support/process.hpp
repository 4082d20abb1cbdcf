// Runs the real binary as a child: it is started on a configuration file with ephemeral ports and a
// state directory of its own, signalled, waited for with a deadline, and never outlives the test.
// Tests also have what a script around it has: the command line and a small blocking client of the
// admin API.
//
//   FakeUpstream blue, green;
//   ShopFile file(blue, green);
//   CutwaterProcess cutwater(file.text());
//   EXPECT_EQ(get(cutwater.port()).status, 200);
//   EXPECT_EQ(cutwater.admin().get("/v1/services/shop/weights").number("/weights/blue"), 100);
#pragma once

#include <sys/types.h>

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/fake_upstream.hpp"
#include "tests/support/raw_client.hpp"

namespace cutwater::test {

// A test waits this long for a process to do something. It is generous, because the machine may be
// busy.
inline constexpr std::chrono::milliseconds kProcessPatience = 30s;

// Returns the binary under test: $CUTWATER_BINARY, else the one that was built beside the tests.
std::string cutwater_binary();

class TempDir {
 public:
  TempDir();
  ~TempDir();  // with all that is in it
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view text);

// Holds a running program; the destructor kills and reaps it. Start it from the test's main thread:
// the kernel kills it when the thread that started it ends.
class ChildProcess {
 public:
  using Environment = std::map<std::string, std::string>;  // added to our own
  explicit ChildProcess(const std::vector<std::string>& arguments,
                        const Environment& environment = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  bool running();
  // Returns the exit code; 128 + N when signal N ended it. Throws when it does not end in time.
  int wait(std::chrono::milliseconds within = kProcessPatience);
  std::string out() const { return read_file(output_.file("out")); }
  std::string err() const { return read_file(output_.file("err")); }

 private:
  bool reap(bool block);
  TempDir output_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// Runs a command to its end.
struct Finished {
  int exit_code = 0;
  std::string out;
  std::string err;
  // Returns the one line of JSON on stdout.
  boost::json::value json() const;
};

// --- the admin API ------------------------------------------------------------------------------

struct AdminAnswer {
  int status = 0;
  Head head;
  std::string text;
  boost::json::value body;  // null when it is not JSON

  std::string field(std::string_view name) const { return head.field(name).value_or(""); }
  // Finds a value by JSON pointer; throws TestFailure with the whole answer when it is not there.
  const boost::json::value& at(std::string_view pointer) const;
  double number(std::string_view pointer) const { return at(pointer).to_number<double>(); }
  std::string string(std::string_view pointer) const {
    return std::string(at(pointer).as_string());
  }
};

// Makes one connection per request.
class Admin {
 public:
  explicit Admin(std::uint16_t port, std::string token = "")
      : port_(port), token_(std::move(token)) {}

  AdminAnswer get(std::string_view target, std::string_view more_fields = "") const;
  AdminAnswer put(std::string_view target, std::string_view body,
                  std::string_view more_fields = "If-Match: *\r\n") const;
  AdminAnswer post(std::string_view target, std::string_view body = "",
                   std::string_view more_fields = "") const;
  AdminAnswer set_weights(double blue, double green) const;
  double weight(std::string_view version) const;
  // Returns the decisions of the shop, oldest first.
  boost::json::array decisions() const;
  // Returns the last decision with this action; throws when there is none.
  boost::json::object last_decision(std::string_view action) const;

 private:
  struct Ask;
  AdminAnswer ask(const Ask& what) const;
  std::uint16_t port_;
  std::string token_;
};

// Writes one HTTP request with a JSON body, as bytes, for clients that keep their connection.
std::string weights_request(double blue, double green);

// --- the configuration --------------------------------------------------------------------------

// Describes one service called shop, with versions blue (stable) and green; the rest is as a test
// says.
struct ShopFile {
  ShopFile(const FakeUpstream& blue_version, const FakeUpstream& green_version)
      : blue(blue_version.port()), green(green_version.port()) {}
  std::uint16_t blue;
  std::uint16_t green;
  std::string weights = "{blue: 100%, green: 0%}";
  std::string service;  // more lines of the service, indented by four
  std::string top;      // more top-level lines
  std::string listen = "127.0.0.1:0";
  std::string listener;  // more of the listener's keys, each behind a comma
  std::string admin = "{listen: \"127.0.0.1:0\"}";
  std::string text(const std::string& state_dir) const;
};

// --- the proxy ----------------------------------------------------------------------------------

class CutwaterProcess {
 public:
  struct Options {
    std::string state_dir;  // if empty, one of its own
    std::string token;      // used by admin()
    ChildProcess::Environment environment;
  };
  // Starts and waits until the proxy serves; throws with its messages when it ends instead.
  explicit CutwaterProcess(const ShopFile& file) : CutwaterProcess(file, Options()) {}
  CutwaterProcess(const ShopFile& file, Options options);

  std::uint16_t port() const { return port_; }
  std::uint16_t admin_port() const { return admin_port_; }
  Admin admin() const { return Admin(admin_port_, options_.token); }
  ChildProcess& process() { return *process_; }
  const std::string& state_dir() const { return options_.state_dir; }
  const std::string& config_path() const { return config_path_; }

  void rewrite_config(const ShopFile& file) const;
  void kill_hard();    // sends SIGKILL, and reaps
  int terminate();     // sends SIGTERM; returns its exit code
  void start_again();  // uses the same file and state, but other ports
  // Runs `cutwater ARGUMENTS...` with this proxy's admin address and token.
  Finished run(const std::vector<std::string>& arguments) const;
  std::unique_ptr<ChildProcess> start(const std::vector<std::string>& arguments) const;

 private:
  TempDir scratch_;
  Options options_;
  std::string config_path_;
  std::unique_ptr<ChildProcess> process_;
  std::uint16_t port_ = 0;
  std::uint16_t admin_port_ = 0;
};

// Runs `cutwater ARGUMENTS...` to its end.
Finished run_cutwater(const std::vector<std::string>& arguments,
                      const ChildProcess::Environment& environment = {});
// Runs a `cutwater run` that is expected to refuse; returns its exit code and messages.
Finished run_refused(const std::string& config_path);

}  // namespace cutwater::test
