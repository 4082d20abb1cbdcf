// A running AdminServer with fake resources behind it, and a client that says exactly what it is
// told. The server has a thread of its own; look at the fake only between calls.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <future>
#include <thread>

#include "control/admin/server.hpp"
#include "tests/unit/admin/fake_resources.hpp"

namespace cutwater::control {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Response = http::response<http::string_body>;

inline config::Admin local_admin() {
  config::Admin admin;
  admin.listen = {"127.0.0.1", 0};
  return admin;
}

// viewer-secret, deployer-secret, approver-secret, admin-secret
inline config::Admin admin_with_tokens() {
  config::Admin admin = local_admin();
  for (const auto& [name, role] : {std::pair{"viewer", config::Role::Viewer},
                                   {"deployer", config::Role::Deployer},
                                   {"approver", config::Role::Approver},
                                   {"admin", config::Role::Admin}}) {
    admin.tokens.push_back({name, role, {std::string(name) + "-secret", "${env:X}"}});
  }
  return admin;
}

class RunningAdmin {
 public:
  explicit RunningAdmin(const config::Admin& config = local_admin(), const AdminLimits& limits = {})
      : server(io, config, fake.all(), fake.idempotency, [this] { return metrics_text; }) {
    server.set_limits(limits);
    message = server.start();
    address = server.address();
    thread_ = std::thread([this] { io.run(); });
  }
  ~RunningAdmin() {
    on_control([this] { server.stop(); });
    work_.reset();
    io.stop();
    thread_.join();
  }
  // Runs `what` on the control thread and waits for it.
  void on_control(std::function<void()> what) {
    std::promise<void> done;
    asio::post(io, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::string last_asked() const { return fake.asked.empty() ? "" : fake.asked.back(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(address.port); }

  FakeResources fake;  // before io, whose coroutines still look at it when they die
  asio::io_context io{1};
  std::string metrics_text = "cutwater_build_info 1\n";
  std::string message;  // of start()
  config::Address address;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_{io.get_executor()};

 public:
  AdminServer server;

 private:
  std::thread thread_;
};

class RawClient {
 public:
  explicit RawClient(const RunningAdmin& admin) : RawClient(admin.address.port) {}
  explicit RawClient(std::uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::make_address("127.0.0.1"), port});
  }
  void send(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }
  Response read(bool head = false) {
    http::response_parser<http::string_body> parser;
    parser.skip(head);
    http::read(socket_, buffer_, parser);
    return parser.release();
  }
  // Reads until `marker` has come; it is for event streams.
  std::string read_until(const std::string& marker) {
    const std::size_t size = asio::read_until(socket_, asio::dynamic_buffer(text_), marker);
    std::string text = text_.substr(0, size);
    text_.erase(0, size);
    return text;
  }
  // True when the server closes without saying more.
  bool closed() {
    char byte = 0;
    boost::system::error_code error;
    asio::read(socket_, asio::buffer(&byte, 1), error);
    return error == asio::error::eof || error == asio::error::connection_reset;
  }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::string text_;  // read but not yet asked for
};

// One request on a connection of its own. `headers` are whole lines; Host is added unless given.
inline Response ask(const RunningAdmin& admin, const std::string& method, const std::string& target,
                    std::vector<std::string> headers = {}, const std::string& body = "") {
  RawClient client(admin);
  std::string text = method + " " + target + " HTTP/1.1\r\nConnection: close\r\n";
  bool has_host = false;
  for (const auto& line : headers) {
    text += line + "\r\n";
    has_host = has_host || line.rfind("Host:", 0) == 0;
  }
  if (!has_host) text += "Host: localhost\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  client.send(text + "\r\n" + body);
  return client.read(method == "HEAD");
}

inline Response ask_json(const RunningAdmin& admin, const std::string& method,
                         const std::string& target, const std::string& body,
                         std::vector<std::string> headers = {}) {
  headers.push_back("Content-Type: application/json");
  return ask(admin, method, target, std::move(headers), body);
}

inline std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token;
}

inline boost::json::object json_of(const Response& response) {
  return boost::json::parse(response.body()).as_object();
}

inline std::string problem_type(const Response& response) {
  if (response[http::field::content_type] != "application/problem+json") return "no problem";
  const std::string type(json_of(response).at("type").as_string());
  return type.substr(type.find('#') + 1);
}

}  // namespace cutwater::control
