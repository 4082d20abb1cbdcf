#include "tests/support/fake_h2_upstream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <map>

namespace cutwater::test {

namespace {

std::string text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::vector<nghttp2_nv> to_nv(const H2Fields& fields) {
  std::vector<nghttp2_nv> result;
  for (const auto& [name, value] : fields)
    result.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  return result;
}

}  // namespace

std::string H2Received::field(const std::string& name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return "<none>";
}

struct FakeH2Upstream::Connection {
  FakeH2Upstream& owner;
  std::size_t index;
  nghttp2_session* session = nullptr;
  std::map<std::int32_t, H2Received> requests;
  struct Sending {
    H2Reply reply;
    std::size_t sent = 0;
  };
  std::map<std::int32_t, Sending> replies;
  std::vector<std::int32_t> held;
  bool goaway = false;

  static Connection& self(void* user) { return *static_cast<Connection*>(user); }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    H2Received& request = self(user).requests[frame->hd.stream_id];
    H2Fields& fields =
        frame->headers.cat == NGHTTP2_HCAT_REQUEST ? request.fields : request.trailers;
    fields.emplace_back(text_of(name, name_size), text_of(value, value_size));
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    self(user).requests[id].body += text_of(data, size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Connection& me = self(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      const std::lock_guard lock(me.owner.mutex_);
      me.owner.resets_.push_back(frame->rst_stream.error_code);
    }
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    const bool head =
        frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    const bool body = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (me.owner.at_head_ ? head : body && end) me.on_request(frame->hd.stream_id);
    return 0;
  }
  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                           std::size_t most, std::uint32_t* flags, nghttp2_data_source*,
                           void* user) {
    Sending& sending = self(user).replies[id];
    const H2Reply& reply = sending.reply;
    const std::size_t size = std::min(most, reply.body.size() - sending.sent);
    std::memcpy(buffer, reply.body.data() + sending.sent, size);
    sending.sent += size;
    if (sending.sent < reply.body.size()) return static_cast<ssize_t>(size);
    if (!reply.end) {
      if (size > 0) return static_cast<ssize_t>(size);
      if (reply.reset) nghttp2_submit_rst_stream(session, 0, id, *reply.reset);
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!reply.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto fields = to_nv(reply.trailers);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(size);
  }

  void on_request(std::int32_t id) {
    H2Received& request = requests[id];
    request.connection = index;
    request.stream = id;
    Handler handler;
    {
      const std::lock_guard lock(owner.mutex_);
      owner.received_.push_back(request);
      handler = owner.handler_;
    }
    owner.changed_.notify_all();
    replies[id].reply = handler(request);
    if (replies[id].reply.hold)
      held.push_back(id);
    else
      send_reply(id);
  }

  void send_reply(std::int32_t id) {
    const H2Reply& reply = replies[id].reply;
    if (reply.goaway) {
      nghttp2_submit_goaway(session, 0, id - 2 > 0 ? id - 2 : 0, NGHTTP2_NO_ERROR, nullptr, 0);
      goaway = true;
      return;
    }
    if (reply.status == 0) {
      if (reply.reset) nghttp2_submit_rst_stream(session, 0, id, *reply.reset);
      return;
    }
    for (const int status : reply.interim) {
      const H2Fields fields{{":status", std::to_string(status)}};
      const auto nv = to_nv(fields);
      nghttp2_submit_headers(session, 0, id, nullptr, nv.data(), nv.size(), nullptr);
    }
    const H2Fields fields = H2Fields{{":status", std::to_string(reply.status)}} + reply.fields;
    const auto nv = to_nv(fields);
    nghttp2_data_provider body{};
    body.read_callback = &read_body;
    const bool head_only = reply.end && reply.body.empty() && reply.trailers.empty();
    nghttp2_submit_response(session, id, nv.data(), nv.size(), head_only ? nullptr : &body);
  }

  void run(int fd) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
    nghttp2_session_server_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    std::vector<nghttp2_settings_entry> settings;
    for (const auto& [id, value] : owner.settings_) settings.push_back({id, value});
    nghttp2_submit_settings(session, 0, settings.data(), settings.size());
    loop(fd);
    nghttp2_session_del(session);
  }

  // The loop wakes at least every 10 ms to see what the test has asked for.
  void loop(int fd) {
    TcpStream stream(fd);
    std::shared_ptr<SSL> ssl;
    {
      const std::lock_guard lock(owner.mutex_);
      if (owner.tls_) ssl.reset(SSL_new(owner.tls_.get()), &SSL_free);
    }
    if (ssl) SSL_set_accept_state(ssl.get());
    if (ssl && !stream.start_tls(ssl)) return;
    const unsigned round = owner.close_round_;
    {
      const std::lock_guard lock(owner.mutex_);
      if (!owner.raw_.empty()) stream.try_send(owner.raw_);
    }
    while (!owner.ending_ && owner.close_round_ == round) {
      if (owner.released_)
        for (const std::int32_t id : std::exchange(held, {})) send_reply(id);
      const std::uint8_t* bytes = nullptr;
      for (ssize_t size; (size = nghttp2_session_mem_send(session, &bytes)) > 0;)
        if (!stream.try_send({reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)}))
          return;
      if (!stream.readable_within(10ms)) continue;
      std::string input;
      if (stream.receive(input) != TcpStream::End::Open) return;
      if (nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(input.data()),
                                   input.size()) < 0)
        return;
    }
  }
};

H2Reply grpc_reply(const std::string& status, const std::string& message) {
  return {.fields = {{"content-type", "application/grpc"}},
          .body = std::string(4, '\0') + static_cast<char>(message.size()) + message,
          .trailers = {{"grpc-status", status}}};
}

H2Fields grpc_head(const H2Fields& more) {
  return h2_post("/pkg.Service/Method") +
         H2Fields{{"content-type", "application/grpc"}, {"te", "trailers"}} + more;
}

std::int32_t grpc_call(H2Client& client, const H2Fields& more) {
  const auto id = client.request(grpc_head(more), 0);
  client.data(id, std::string(5, '\0'));
  return id;
}

FakeH2Upstream::FakeH2Upstream(std::vector<std::pair<std::uint16_t, std::uint32_t>> settings)
    : settings_(std::move(settings)) {
  answer({});
  listen_fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(listen_fd_, 1024);
  ::getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

void FakeH2Upstream::speak_tls(std::shared_ptr<SSL_CTX> context) {
  const std::lock_guard lock(mutex_);
  tls_ = std::move(context);
}

FakeH2Upstream::~FakeH2Upstream() {
  ending_ = true;
  ::shutdown(listen_fd_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listen_fd_);
}

void FakeH2Upstream::on_request(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

void FakeH2Upstream::send_raw(std::string bytes) {
  const std::lock_guard lock(mutex_);
  raw_ = std::move(bytes);
}

void FakeH2Upstream::release() {
  released_ = true;
}

void FakeH2Upstream::close_connections() {
  ++close_round_;
}

std::vector<H2Received> FakeH2Upstream::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::vector<std::uint32_t> FakeH2Upstream::resets() const {
  const std::lock_guard lock(mutex_);
  return resets_;
}

H2Received FakeH2Upstream::wait_for_request() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [this] { return received_.size() > handed_out_; }))
    throw TestFailure("no request reached the HTTP/2 upstream");
  return received_[handed_out_++];
}

void FakeH2Upstream::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::size_t index = connection_count_++;
    ++open_count_;
    threads_.emplace_back([this, index, fd] {
      serve(index, fd);
      --open_count_;
    });
  }
}

void FakeH2Upstream::serve(std::size_t index, int fd) {
  Connection connection{*this, index, nullptr, {}, {}, {}, false};
  connection.run(fd);
}

}  // namespace cutwater::test
