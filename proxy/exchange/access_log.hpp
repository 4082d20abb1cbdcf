// Writes the access log as JSON lines and loses lines rather than block. Each worker formats into
// its own buffer and hands full buffers to one writer thread; when that thread cannot keep up (disk
// full, pipe stalled), lines are dropped and counted. The escaping follows RFC 8259 7.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "config/model.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/stats/outcome.hpp"

namespace cutwater::exchange {

// Describes one finished exchange. The views are valid during the call only.
struct LogRecord {
  std::string_view listener, client_ip, method, host, target, protocol;
  int status = 0;  // sent to the client; 0 = none
  std::uint64_t bytes_in = 0, bytes_out = 0;
  Nanoseconds duration{0};
  Nanoseconds upstream_duration{0};
  // `reason` says why this version was chosen, or why a refused request was refused.
  std::string_view service, version, reason, flag, rollout, endpoint, outcome;
  unsigned attempts = 0;
  // They say which version failed here, and how, before another endpoint or version answered.
  std::string_view failed_version, failed_outcome;
  int failed_status = 0;  // of the upstream; 0 if it sent no answer
  std::string_view request_id, traceparent;
};

// Makes a record with what is known of the client alone.
LogRecord record_of(const http::ClientInfo& client);

// Owns the writer thread and its bounded queue. Every function is thread-safe.
class AccessLogWriter {
 public:
  ~AccessLogWriter();
  // Returns an empty text on success, else what is wrong.
  std::string open(const config::AccessLog& target);
  // Reopens the file after logrotate. It tries every second until that is done, and tells `done` as
  // WorkerGroup says.
  using Reopened = std::function<void(const std::string& problem)>;
  void reopen(Reopened done);
  // Returns false when the queue is full; the lines are then lost.
  bool submit(std::string&& lines);
  // Returns a spare buffer to fill next; the buffer keeps its capacity.
  std::string spare();
  // Counts the lines that were queued but could not be written.
  std::uint64_t lost_lines() const { return lost_lines_.load(std::memory_order_relaxed); }

 private:
  void run();
  void write_all(const std::string& lines);
  bool wait_until_writable();
  void try_reopen(const Reopened& done);

  static constexpr std::size_t kQueued = 64;
  config::AccessLog target_;
  int fd_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;    // guarded by mutex_
  std::vector<std::string> spares_;  // guarded by mutex_
  bool stopping_ = false;            // guarded by mutex_
  Reopened reopen_;                  // guarded by mutex_; null if nothing is to reopen
  bool reopen_now_ = false;          // guarded by mutex_
  std::atomic<std::uint64_t> lost_lines_{0};
  bool gave_up_ = false;        // used by the writer thread only
  TimePoint reopen_at_{};       // likewise; when the next try is due
  bool reopen_failed_ = false;  // likewise; whether the failure was told
  std::thread thread_;
};

// Holds one worker's side of the log. Only that worker's thread uses it.
class AccessLog {
 public:
  explicit AccessLog(AccessLogWriter& writer) : writer_(writer) { buffer_.reserve(kFlushAt * 2); }

  void write(const LogRecord& record);
  // Writes the line of a request that was refused before it was one. The first 10 of a second get a
  // line each, the others are counted in one line when the second is over: a flood must not fill
  // the disk.
  void write_refused(const LogRecord& record, TimePoint now);
  // Writes that line if its second is over.
  void count_refused(TimePoint now);
  // Hands over what is buffered; the worker calls it at least every 200 ms. Returns the number of
  // lines lost.
  std::uint64_t flush();

 private:
  static constexpr std::size_t kFlushAt = 64 * 1024;
  void put_time();
  void put_text(std::string_view key, std::string_view value);
  void put_number(std::string_view key, std::uint64_t value);
  void put_millis(std::string_view key, Nanoseconds value);

  static constexpr std::uint64_t kRefusedLines = 10;
  AccessLogWriter& writer_;
  std::uint64_t refused_ = 0;  // since refused_since_
  TimePoint refused_since_{};
  std::string buffer_;
  std::uint64_t lines_ = 0;  // in buffer_
  std::uint64_t lost_ = 0;
  std::int64_t second_ = -1;  // the second that `stamp_` shows
  char stamp_[24];
};

}  // namespace cutwater::exchange
