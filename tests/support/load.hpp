// Plays users of the proxy who go on asking until they are told to stop, and counts what they were
// answered. Each user has a keep-alive connection on a thread of its own, which is opened again
// when the proxy closes it between two requests.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/raw_client.hpp"

namespace cutwater::test {

class Load {
 public:
  struct Options {
    int users = 4;
    std::chrono::microseconds pause{500};  // between an answer and the next request of that user
    // Called right before a request is sent; returns more header fields for it.
    std::function<std::string()> fields;
  };
  explicit Load(std::uint16_t port) : Load(port, Options()) {}
  Load(std::uint16_t port, Options options);
  ~Load() { stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void stop();
  std::uint64_t answers() const { return answers_; }
  std::uint64_t failed() const { return failed_; }  // 5xx, or a connection that broke
  std::uint64_t answered_by(const std::string& version) const;
  // Waits until this many more answers have come.
  bool wait_for_more(std::uint64_t answers, std::chrono::milliseconds within = 4 * kPatience) const;
  std::string first_failure() const;

 private:
  void run_user();
  void ask(std::unique_ptr<RawClient>& client);
  void note(const Response& response);
  void note_failure(const std::string& what);

  const std::uint16_t port_;
  const Options options_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answers_{0};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> by_version_;
  std::string first_failure_;
  std::vector<std::thread> threads_;
};

}  // namespace cutwater::test
