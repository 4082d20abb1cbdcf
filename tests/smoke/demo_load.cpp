// Plays users for the demo: each keeps the cookies it is given, makes requests at a steady total
// rate and remembers which version answered it. The program prints a line each second, and at the
// end (SIGTERM or the duration) a JSON summary: what users saw, and whether anybody was thrown back
// and forth.
#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

std::atomic<bool> stop_asked{false};

struct Options {
  std::string port;
  int users = 400;
  int rate = 400;  // requests per second, all users together
  int seconds = 30;
  std::string summary_file;
};

struct Tally {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  // requests without an answer, or with a 5xx
  std::map<std::string, std::uint64_t> by_version;

  void add(const Tally& other) {
    requests += other.requests;
    errors += other.errors;
    for (const auto& [version, count] : other.by_version) by_version[version] += count;
  }
};

// All threads report into this. A mutex is fine for a few hundred requests a second.
class Scoreboard {
 public:
  void record(const std::string& version, bool failed, std::chrono::microseconds latency) {
    std::lock_guard lock(mutex_);
    ++second_.requests;
    if (failed) ++second_.errors;
    if (!version.empty()) ++second_.by_version[version];
    latencies_.push_back(latency.count());
  }
  void record_move(bool back) {
    std::lock_guard lock(mutex_);
    ++moves_;
    if (back) ++moves_back_;
  }

  void print_second(long second) {
    std::lock_guard lock(mutex_);
    std::cout << "  " << std::setw(3) << second << " s  " << std::setw(4) << second_.requests
              << " requests ";
    for (const auto& [version, count] : second_.by_version)
      std::cout << "  " << version << ' ' << std::fixed << std::setprecision(1)
                << 100.0 * static_cast<double>(count) / static_cast<double>(second_.requests)
                << '%';
    std::cout << "   failed for users: " << second_.errors << std::endl;
    total_.add(second_);
    second_ = {};
  }

  json::object summary() {
    std::lock_guard lock(mutex_);
    total_.add(second_);
    second_ = {};
    std::sort(latencies_.begin(), latencies_.end());
    json::object by_version;
    for (const auto& [version, count] : total_.by_version) by_version[version] = count;
    return {{"requests", total_.requests}, {"errors", total_.errors},
            {"by_version", by_version},    {"moves", moves_},
            {"moves_back", moves_back_},   {"p50_ms", quantile_ms(0.5)},
            {"p99_ms", quantile_ms(0.99)}};
  }

 private:
  double quantile_ms(double q) const {
    if (latencies_.empty()) return 0;
    const auto rank = static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1));
    return static_cast<double>(latencies_[rank]) / 1000;
  }

  std::mutex mutex_;
  Tally second_, total_;
  std::uint64_t moves_ = 0;       // a user was answered by another version than the time before
  std::uint64_t moves_back_ = 0;  // among them, those to a version the user had left
  std::vector<long> latencies_;
};

struct User {
  std::string cookie;
  std::string version;
  std::set<std::string> left;  // versions this user was moved away from
};

// Holds one keep-alive connection that carries the requests of its own users in turn.
class Connection {
 public:
  Connection(const Options& options, int users, Scoreboard& scoreboard)
      : options_(options), scoreboard_(scoreboard), users_(static_cast<std::size_t>(users)) {}

  void run(Clock::time_point start, Clock::time_point end, std::chrono::nanoseconds interval) {
    std::mt19937_64 random{std::random_device{}()};
    for (auto next = start; next < end && !stop_asked; next += interval) {
      std::this_thread::sleep_until(next);
      make_request(users_[random() % users_.size()]);
    }
  }

 private:
  void make_request(User& user) {
    const auto begin = Clock::now();
    http::request<http::empty_body> request{http::verb::get, "/", 11};
    request.set(http::field::host, "shop.example.com");
    if (!user.cookie.empty()) request.set(http::field::cookie, user.cookie);
    http::response<http::string_body> response;
    const bool answered = exchange(request, response);
    const bool failed = !answered || response.result_int() >= 500;
    const std::string version = failed ? "" : std::string(response["X-Served-By"]);
    remember(user, response, version);
    const auto took = Clock::now() - begin;
    scoreboard_.record(version, failed,
                       std::chrono::duration_cast<std::chrono::microseconds>(took));
  }

  void remember(User& user, const http::response<http::string_body>& response,
                const std::string& version) {
    const std::string cookie{response[http::field::set_cookie]};
    if (!cookie.empty()) user.cookie = cookie.substr(0, cookie.find(';'));
    if (version.empty()) return;
    if (!user.version.empty() && user.version != version) {
      scoreboard_.record_move(user.left.contains(version));
      user.left.insert(user.version);
    }
    user.version = version;
  }

  bool exchange(const http::request<http::empty_body>& request,
                http::response<http::string_body>& response) {
    boost::system::error_code failed;
    if (!socket_.is_open()) {
      const auto port = static_cast<std::uint16_t>(std::atoi(options_.port.c_str()));
      socket_.connect({asio::ip::address_v4::loopback(), port}, failed);
    }
    if (!failed) http::write(socket_, request, failed);
    if (!failed) http::read(socket_, buffer_, response, failed);
    if (failed || !response.keep_alive()) {
      boost::system::error_code ignored;
      socket_.close(ignored);
      buffer_.clear();
    }
    return !failed;
  }

  const Options& options_;
  Scoreboard& scoreboard_;
  std::vector<User> users_;
  asio::io_context context_;
  tcp::socket socket_{context_};
  beast::flat_buffer buffer_;
};

void run_load(const Options& options, Scoreboard& scoreboard) {
  constexpr int kConnections = 8;
  const auto start = Clock::now();
  const auto end = start + std::chrono::seconds(options.seconds);
  const auto interval = std::chrono::nanoseconds(1'000'000'000LL * kConnections / options.rate);
  std::vector<std::jthread> threads;
  for (int i = 0; i < kConnections; ++i)
    threads.emplace_back([&, i] {
      Connection(options, std::max(1, options.users / kConnections), scoreboard)
          .run(start + interval * i / kConnections, end, interval);
    });
  for (long second = 1; second <= options.seconds && !stop_asked; ++second) {
    const auto until = start + std::chrono::seconds(second);
    while (Clock::now() < until && !stop_asked)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!stop_asked) scoreboard.print_second(second);
  }
}

}  // namespace

// Usage: demo_load PORT USERS RATE SECONDS SUMMARY_FILE
int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: demo_load PORT USERS RATE SECONDS SUMMARY_FILE\n";
    return 2;
  }
  const Options options{argv[1], std::atoi(argv[2]), std::max(1, std::atoi(argv[3])),
                        std::atoi(argv[4]), argv[5]};
  std::signal(SIGTERM, [](int) { stop_asked = true; });
  std::signal(SIGINT, [](int) { stop_asked = true; });
  Scoreboard scoreboard;
  run_load(options, scoreboard);
  std::ofstream(options.summary_file) << json::serialize(scoreboard.summary()) << std::endl;
}
