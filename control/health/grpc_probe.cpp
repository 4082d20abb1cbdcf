#include "control/health/grpc_probe.hpp"

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstring>
#include <utility>

#include "proxy/http/h2/http2_nv.hpp"

namespace cutwater::control::health {
namespace {

constexpr std::size_t kMostBytes = 4 * 1024;  // for an answer that has two
constexpr std::size_t kMostMessage = 200;     // shown to a person of a grpc-message

// Makes a gRPC message: not compressed, its length, then HealthCheckRequest{string service = 1}.
std::string make_request(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message.push_back(0x0a);  // field 1, length-delimited
    for (std::size_t length = service.size(); true; length >>= 7) {
      message.push_back(static_cast<char>((length & 0x7f) | (length >= 128 ? 0x80 : 0)));
      if (length < 128) break;
    }
    message += service;
  }
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    framed.push_back(static_cast<char>(message.size() >> shift));
  return framed + message;
}

// Reads HealthCheckResponse{ServingStatus status = 1}, a varint; absent means UNKNOWN.
const char* serving_status(std::string_view body) {
  constexpr std::array kNames = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  constexpr std::size_t kPrefix = 5;
  if (body.size() < kPrefix || body[0] != '\0') return "something else than a health answer";
  const std::string_view message = body.substr(kPrefix);
  if (message.empty()) return kNames[0];
  const auto value = static_cast<unsigned char>(message.size() == 2 ? message[1] : 0xff);
  if (message[0] != 0x08 || value >= kNames.size()) return "something else than a health answer";
  return kNames[value];
}

}  // namespace

struct GrpcProbe::Session {
  nghttp2_session* http2 = nullptr;
  std::string output;  // not taken yet
  std::string request;
  std::size_t request_sent = 0;
  bool done = false;
  bool broken = false;
  std::string status, grpc_status, grpc_message, body;

  ~Session() { nghttp2_session_del(http2); }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    auto& self = *static_cast<Session*>(user);
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value),
                                std::min(value_size, kMostMessage));
    if (key == ":status") self.status = text;
    if (key == "grpc-status") self.grpc_status = text;
    if (key == "grpc-message") self.grpc_message = text;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data,
                     std::size_t size, void* user) {
    auto& self = *static_cast<Session*>(user);
    self.body.append(reinterpret_cast<const char*>(data), size);
    if (self.body.size() > kMostBytes) self.done = true;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void* user) {
    static_cast<Session*>(user)->done = true;
    return 0;
  }
  static ssize_t read_request(nghttp2_session*, std::int32_t, std::uint8_t* buffer,
                              std::size_t most, std::uint32_t* flags, nghttp2_data_source*,
                              void* user) {
    auto& self = *static_cast<Session*>(user);
    const std::size_t size = std::min(most, self.request.size() - self.request_sent);
    std::memcpy(buffer, self.request.data() + self.request_sent, size);
    self.request_sent += size;
    if (self.request_sent == self.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

GrpcProbe::GrpcProbe(const std::string& authority, const std::string& service, bool tls)
    : session_(std::make_unique<Session>()) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &Session::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Session::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &Session::on_close);
  nghttp2_session_client_new(&session_->http2, callbacks, session_.get());
  nghttp2_session_callbacks_del(callbacks);

  session_->request = make_request(service);
  const std::array settings = {nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session_->http2, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  const std::array fields = {http::make_nv(":method", "POST"),
                             http::make_nv(":scheme", tls ? "https" : "http"),
                             http::make_nv(":authority", authority),
                             http::make_nv(":path", "/grpc.health.v1.Health/Check"),
                             http::make_nv("te", "trailers"),
                             http::make_nv("content-type", "application/grpc"),
                             http::make_nv("user-agent", "cutwater-health/" CUTWATER_VERSION)};
  nghttp2_data_provider body{};
  body.read_callback = &Session::read_request;
  nghttp2_submit_request(session_->http2, nullptr, fields.data(), fields.size(), &body, nullptr);
}

GrpcProbe::~GrpcProbe() = default;

std::string GrpcProbe::take_output() {
  std::string out = std::exchange(session_->output, {});
  const std::uint8_t* bytes = nullptr;
  for (ssize_t size; (size = nghttp2_session_mem_send(session_->http2, &bytes)) > 0;)
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  return out;
}

void GrpcProbe::feed(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const bool readable = nghttp2_session_mem_recv(session_->http2, data, bytes.size()) >= 0;
  session_->output = take_output();  // only behind its GOAWAY nghttp2 stops reading
  if (!readable || nghttp2_session_want_read(session_->http2) == 0) {
    session_->broken = !session_->done;
    session_->done = true;
  }
}

bool GrpcProbe::done() const {
  return session_->done;
}

std::optional<std::string> GrpcProbe::problem() const {
  if (session_->broken || session_->status.empty()) return "did not speak HTTP/2";
  if (session_->status != "200") return "answered " + session_->status;
  if (session_->grpc_status != "0") {
    const std::string code = session_->grpc_status.empty() ? "missing" : session_->grpc_status;
    return "grpc-status " + code +
           (session_->grpc_message.empty() ? "" : ": " + session_->grpc_message);
  }
  const std::string said = serving_status(session_->body);
  if (said == "SERVING") return std::nullopt;
  return "answered " + said;
}

}  // namespace cutwater::control::health
