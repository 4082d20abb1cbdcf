#include "tests/support/fake_upstream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cutwater::test {

namespace {

int bind_loopback(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    throw TestFailure("cannot bind a loopback port");
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

std::string Received::target() const {
  const std::size_t from = head.start_line.find(' ') + 1;
  return head.start_line.substr(from, head.start_line.rfind(' ') - from);
}

// --- UpstreamConnection ---------------------------------------------------------------------

void UpstreamConnection::answer(int status, std::string_view body, std::string_view more_fields) {
  send("HTTP/1.1 " + std::to_string(status) +
       " Answer\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
       std::string(more_fields) + "\r\n" + std::string(body));
}

// The owner's lock is held, because the owner may be shutting the same descriptor down.
void UpstreamConnection::close() {
  const std::lock_guard lock(owner_.mutex_);
  stream_.close();
}

void UpstreamConnection::reset() {
  const std::lock_guard lock(owner_.mutex_);
  stream_.reset();
}

TcpStream::End UpstreamConnection::wait_for_end() {
  return reader_.read_to_end(2 * kPatience).second;
}

void UpstreamConnection::wait_for_release() {
  std::unique_lock lock(owner_.mutex_);
  owner_.changed_.wait(lock, [this] { return owner_.released_ || owner_.ending_; });
}

// --- FakeUpstream: the script ---------------------------------------------------------------

FakeUpstream::FakeUpstream() : listen_fd_(bind_loopback(port_)) {
  answer(200, "ok");
  ::listen(listen_fd_, 1024);
  acceptor_ = std::thread([this] { accept_loop(); });
}

FakeUpstream::~FakeUpstream() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const auto& connection : live_) connection->stream().shut_down_now();
  }
  changed_.notify_all();
  ::shutdown(listen_fd_, SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  if (listen_fd_ >= 0) ::close(listen_fd_);
}

void FakeUpstream::on_request(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
  handle_head_ = false;
}

void FakeUpstream::on_head(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
  handle_head_ = true;
}

void FakeUpstream::answer(int status, std::string body, std::string more_fields) {
  on_request([=](const Received& request, UpstreamConnection& connection) {
    const bool no_body = request.method() == "HEAD";
    if (!no_body) return connection.answer(status, body, more_fields);
    connection.send("HTTP/1.1 " + std::to_string(status) + " Answer\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n" + more_fields + "\r\n");
  });
}

void FakeUpstream::answer_raw(std::string bytes) {
  on_request([=](const Received&, UpstreamConnection& connection) { connection.send(bytes); });
}

void FakeUpstream::close_after(std::string bytes) {
  on_request([=](const Received&, UpstreamConnection& connection) {
    connection.send(bytes);
    connection.close();
  });
}

void FakeUpstream::reset_after(std::string bytes) {
  on_request([=](const Received&, UpstreamConnection& connection) {
    connection.send(bytes);
    connection.reset();
  });
}

void FakeUpstream::never_answer() {
  on_request([](const Received&, UpstreamConnection&) {});  // reads on until the proxy closes
}

void FakeUpstream::release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

void FakeUpstream::close_connections() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : live_) connection->stream().shut_down_now();
}

void FakeUpstream::refuse() {
  ::shutdown(listen_fd_, SHUT_RDWR);  // no longer listens, but keeps the port
  acceptor_.join();
  close_connections();
}

// --- FakeUpstream: what it saw --------------------------------------------------------------

std::size_t FakeUpstream::requests() const {
  const std::lock_guard lock(mutex_);
  return received_.size();
}

std::vector<Received> FakeUpstream::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

Received FakeUpstream::wait_for_request(std::chrono::milliseconds within) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, within, [this] { return received_.size() > handed_out_; }))
    throw TestFailure("no request reached the upstream");
  return received_[handed_out_++];
}

std::vector<std::string> FakeUpstream::problems() const {
  const std::lock_guard lock(mutex_);
  return problems_;
}

// --- FakeUpstream: its threads --------------------------------------------------------------

void FakeUpstream::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    auto connection = std::make_shared<UpstreamConnection>(*this, fd);
    if (ending_) return;
    live_.push_back(connection);
    const std::size_t index = connection_count_++;
    ++open_count_;
    threads_.emplace_back([this, index, connection] { serve(index, *connection); });
  }
}

void FakeUpstream::serve(std::size_t index, UpstreamConnection& connection) {
  try {
    if (shake_hands(connection)) serve_requests(index, connection);
  } catch (const std::exception& failure) {
    const std::lock_guard lock(mutex_);
    if (!ending_) problems_.emplace_back(failure.what());
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(live_, [&](const auto& live) { return live.get() == &connection; });
  connection.stream().close();
  --open_count_;
  changed_.notify_all();
}

void FakeUpstream::speak_tls(std::shared_ptr<SSL_CTX> context, bool failures_expected) {
  const std::lock_guard lock(mutex_);
  tls_ = std::move(context);
  tls_failures_expected_ = failures_expected;
}

void FakeUpstream::read_first(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  read_first_ = bytes;
}

std::vector<std::string> FakeUpstream::first_bytes() const {
  const std::lock_guard lock(mutex_);
  return first_bytes_;
}

bool FakeUpstream::shake_hands(UpstreamConnection& connection) {
  std::shared_ptr<SSL> ssl;
  bool expected = false;
  std::size_t first = 0;
  {
    const std::lock_guard lock(mutex_);
    expected = tls_failures_expected_;
    first = read_first_;
    if (tls_) ssl.reset(SSL_new(tls_.get()), &SSL_free);
  }
  if (first > 0) {
    const std::string bytes = connection.reader().read_exactly(first).value_or("");
    const std::lock_guard lock(mutex_);
    first_bytes_.push_back(bytes);
  }
  if (!ssl) return true;
  SSL_set_accept_state(ssl.get());
  if (connection.stream().start_tls(std::move(ssl))) return true;
  if (!expected) throw TestFailure("the TLS handshake failed");
  return false;
}

void FakeUpstream::serve_requests(std::size_t index, UpstreamConnection& connection) {
  constexpr std::chrono::milliseconds kIdle = 600s;  // the proxy, or the destructor, ends it
  while (connection.is_open()) {
    auto head = connection.reader().read_head(kIdle);
    if (!head) return;
    Received request;
    request.connection = index;
    request.head = std::move(*head);
    Handler handler;
    bool at_head;
    {
      const std::lock_guard lock(mutex_);
      handler = handler_;
      at_head = handle_head_;
    }
    if (at_head) {
      record(request);
    } else {
      const auto body = connection.reader().read_body(request.head, kIdle);
      request.body_complete = body.has_value();
      if (body) request.body = *body;
      if (request.head.field("Transfer-Encoding"))
        request.trailers = connection.reader().trailers();
      record(request);
      if (!body) return;
    }
    handler(request, connection);
  }
}

void FakeUpstream::record(const Received& request) {
  {
    const std::lock_guard lock(mutex_);
    received_.push_back(request);
  }
  changed_.notify_all();
}

// --- ports that do not answer ---------------------------------------------------------------

RefusingPort::RefusingPort() : fd_(bind_loopback(port_)) {}

RefusingPort::~RefusingPort() {
  ::close(fd_);
}

SilentPort::SilentPort() : fd_(bind_loopback(port_)) {
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  ::listen(fd_, 0);
  // The queue takes one more than it was asked for; connect until the kernel stops answering.
  for (int i = 0; i < 4; ++i) {
    const int filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof address);
    fillers_.push_back(filler);
  }
}

SilentPort::~SilentPort() {
  for (const int filler : fillers_) ::close(filler);
  ::close(fd_);
}

void SilentPort::accept_all() {
  // The fillers' own attempts go on as well: without a longer queue they would fill it again.
  ::listen(fd_, 1024);
  for (int fd; (fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;)
    fillers_.push_back(fd);
}

}  // namespace cutwater::test
