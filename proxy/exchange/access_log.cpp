#include "proxy/exchange/access_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <ctime>

namespace cutwater::exchange {

namespace {
constexpr auto kReopenAgain = std::chrono::seconds(1);
}

// --- AccessLogWriter ------------------------------------------------------------------------

AccessLogWriter::~AccessLogWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

std::string AccessLogWriter::open(const config::AccessLog& target) {
  target_ = target;
  if (target.to == config::AccessLog::To::Off) return {};
  if (target.to == config::AccessLog::To::Stdout) {
    fd_ = STDOUT_FILENO;
  } else {
    fd_ = ::open(target.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd_ < 0) return "access log " + target.path + ": " + std::strerror(errno);
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void AccessLogWriter::reopen(Reopened done) {
  if (target_.to != config::AccessLog::To::File) return done("it is not a file");
  {
    const std::lock_guard lock(mutex_);
    reopen_ = std::move(done);
    reopen_now_ = true;
  }
  changed_.notify_one();
}

// This runs without the lock, because a file system may take its time.
void AccessLogWriter::try_reopen(const Reopened& done) {
  const int fd = ::open(target_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    const std::string why = std::strerror(errno);
    if (!std::exchange(reopen_failed_, true))
      done(target_.path + ": " + why + "; tried again every second, the old file goes on");
    return;
  }
  ::close(fd_);
  fd_ = fd;
  reopen_failed_ = false;
  done({});
}

bool AccessLogWriter::submit(std::string&& lines) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueued) return false;
    queue_.push_back(std::move(lines));
  }
  changed_.notify_one();
  return true;
}

std::string AccessLogWriter::spare() {
  const std::lock_guard lock(mutex_);
  if (spares_.empty()) return {};
  std::string buffer = std::move(spares_.back());
  spares_.pop_back();
  return buffer;
}

void AccessLogWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto busy = [this] { return stopping_ || reopen_now_ || !queue_.empty(); };
    if (!reopen_)
      changed_.wait(lock, busy);
    else
      changed_.wait_until(lock, reopen_at_, busy);
    const bool asked = std::exchange(reopen_now_, false);
    if (asked) reopen_failed_ = false;  // who asks again is told again
    if (asked || (reopen_ && Clock::now() >= reopen_at_)) {
      const Reopened done = reopen_;
      reopen_at_ = Clock::now() + kReopenAgain;
      lock.unlock();
      try_reopen(done);
      lock.lock();
      // Another reopen() may have come meanwhile: it is done next.
      if (!reopen_failed_ && !reopen_now_) reopen_ = nullptr;
    }
    if (queue_.empty()) {
      if (stopping_) return;
      continue;
    }
    std::string lines = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    write_all(lines);
    lines.clear();
    lock.lock();
    if (spares_.size() < kQueued) spares_.push_back(std::move(lines));
  }
}

void AccessLogWriter::write_all(const std::string& lines) {
  std::size_t done = 0;
  while (done < lines.size()) {
    if (!wait_until_writable()) break;
    // A pipe that is writable takes PIPE_BUF bytes without blocking; a longer write might block for
    // ever.
    const ssize_t n =
        ::write(fd_, lines.data() + done, std::min<std::size_t>(lines.size() - done, PIPE_BUF));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) break;  // full disk, closed pipe: these lines are lost, the proxy is not
    done += static_cast<std::size_t>(n);
  }
  const auto lost =
      std::count(lines.begin() + static_cast<std::ptrdiff_t>(done), lines.end(), '\n');
  lost_lines_.fetch_add(static_cast<std::uint64_t>(lost), std::memory_order_relaxed);
}

// Returns false when the reader is stuck and the proxy is stopping: a log must not delay the exit.
bool AccessLogWriter::wait_until_writable() {
  if (gave_up_) return false;
  constexpr int kLookUpMs = 100;
  pollfd log{fd_, POLLOUT, 0};
  while (::poll(&log, 1, kLookUpMs) == 0) {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      gave_up_ = true;
      return false;
    }
  }
  return true;
}

// --- AccessLog ------------------------------------------------------------------------------

namespace {

void put_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out.push_back(c);
    } else {  // writes controls, and bytes that need not be UTF-8 (obs-text), as \u00XX
      out.append("\\u00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
}

template <typename Number>
void put_digits(std::string& out, Number value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

}  // namespace

void AccessLog::put_time() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second_) {
    second_ = now.tv_sec;
    tm parts;
    ::gmtime_r(&now.tv_sec, &parts);
    std::strftime(stamp_, sizeof stamp_, "%Y-%m-%dT%H:%M:%S", &parts);
  }
  const int millis = static_cast<int>(now.tv_nsec / 1'000'000);
  buffer_.append("{\"time\":\"").append(stamp_).push_back('.');
  buffer_.push_back(static_cast<char>('0' + millis / 100));
  buffer_.push_back(static_cast<char>('0' + millis / 10 % 10));
  buffer_.push_back(static_cast<char>('0' + millis % 10));
  buffer_.append("Z\"");
}

void AccessLog::put_text(std::string_view key, std::string_view value) {
  if (value.empty()) return;
  buffer_.append(",\"").append(key).append("\":\"");
  put_escaped(buffer_, value);
  buffer_.push_back('"');
}

void AccessLog::put_number(std::string_view key, std::uint64_t value) {
  buffer_.append(",\"").append(key).append("\":");
  put_digits(buffer_, value);
}

void AccessLog::put_millis(std::string_view key, Nanoseconds value) {
  const auto micros = static_cast<std::uint64_t>(value.count() / 1000);
  put_number(key, micros / 1000);
  const auto rest = static_cast<int>(micros % 1000);
  const char fraction[] = {'.', static_cast<char>('0' + rest / 100),
                           static_cast<char>('0' + rest / 10 % 10),
                           static_cast<char>('0' + rest % 10)};
  buffer_.append(fraction, sizeof fraction);
}

LogRecord record_of(const http::ClientInfo& client) {
  LogRecord record;
  record.listener = client.listener;
  record.client_ip = client.known_ip();
  return record;
}

void AccessLog::write(const LogRecord& record) {
  put_time();
  put_text("listener", record.listener);
  put_text("client", record.client_ip);
  put_text("method", record.method);
  put_text("host", record.host);
  put_text("target", record.target);
  put_text("protocol", record.protocol);
  put_number("status", static_cast<std::uint64_t>(record.status));
  put_number("bytes_in", record.bytes_in);
  put_number("bytes_out", record.bytes_out);
  put_millis("duration_ms", record.duration);
  put_millis("upstream_ms", record.upstream_duration);
  put_text("service", record.service);
  put_text("version", record.version);
  put_text("reason", record.reason);
  put_text("flag", record.flag);
  put_text("rollout", record.rollout);
  put_text("endpoint", record.endpoint);
  put_number("attempts", record.attempts);
  put_text("failed_version", record.failed_version);
  put_text("failed_outcome", record.failed_outcome);
  if (record.failed_status != 0)
    put_number("failed_status", static_cast<std::uint64_t>(record.failed_status));
  put_text("outcome", record.outcome);
  put_text("request_id", record.request_id);
  put_text("traceparent", record.traceparent);
  buffer_.append("}\n");
  ++lines_;
  if (buffer_.size() >= kFlushAt) lost_ += flush();
}

void AccessLog::write_refused(const LogRecord& record, TimePoint now) {
  count_refused(now);
  if (refused_ == 0) refused_since_ = now;
  if (++refused_ <= kRefusedLines) write(record);
}

void AccessLog::count_refused(TimePoint now) {
  if (refused_ == 0 || now - refused_since_ < std::chrono::seconds(1)) return;
  const std::uint64_t unnamed = refused_ > kRefusedLines ? refused_ - kRefusedLines : 0;
  refused_ = 0;
  if (unnamed == 0) return;
  put_time();
  put_text("outcome", "refused");
  put_number("more_refused", unnamed);
  buffer_.append("}\n");
  ++lines_;
}

std::uint64_t AccessLog::flush() {
  std::uint64_t lost = std::exchange(lost_, 0);
  if (lines_ == 0) return lost;
  std::string spare = writer_.spare();
  if (spare.capacity() < kFlushAt) spare.reserve(kFlushAt * 2);
  if (writer_.submit(std::move(buffer_))) {
    buffer_ = std::move(spare);
  } else {
    lost += lines_;
  }
  buffer_.clear();
  lines_ = 0;
  return lost;
}

}  // namespace cutwater::exchange
