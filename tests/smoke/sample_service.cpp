// Implements a tiny service with a version, which stands behind the proxy in the demo and in the
// smoke checks. It answers with its name, and can be made to fail or to be slow while it runs:
//   POST /_admin {"name": "green", "error_rate": 0.5, "delay_ms": 20}   GET /_admin: what it served
// Each connection has a thread: the proxy pools its connections, so there are few.
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

namespace {

struct Behaviour {
  std::string name = "sample";
  double error_rate = 0;  // 0..1
  int delay_ms = 0;
};

class Service {
 public:
  explicit Service(Behaviour behaviour) : behaviour_(std::move(behaviour)) {}

  Response answer(const Request& request) {
    if (request.target() == "/_admin") return answer_admin(request);
    const Behaviour now = behaviour();
    if (request.target() == "/health") return make(http::status::ok, "ok\n", now.name);
    ++requests_;
    if (now.delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(now.delay_ms));
    if (roll() < now.error_rate) {
      ++errors_;
      return make(http::status::internal_server_error, now.name + " is broken\n", now.name);
    }
    return make(http::status::ok, now.name + " says hello\n", now.name);
  }

 private:
  Behaviour behaviour() {
    std::lock_guard lock(mutex_);
    return behaviour_;
  }

  // A new behaviour is a new deployment: the counts start again.
  Response answer_admin(const Request& request) {
    std::lock_guard lock(mutex_);
    if (request.method() == http::verb::post) {
      boost::system::error_code failed;
      const json::value body = json::parse(request.body(), failed);
      if (failed || !body.is_object()) return make(http::status::bad_request, "want JSON\n", "");
      const json::object& object = body.as_object();
      if (const auto* name = object.if_contains("name"))
        behaviour_.name = json::value_to<std::string>(*name);
      if (const auto* rate = object.if_contains("error_rate"))
        behaviour_.error_rate = rate->to_number<double>();
      if (const auto* delay = object.if_contains("delay_ms"))
        behaviour_.delay_ms = delay->to_number<int>();
      requests_ = 0;
      errors_ = 0;
    }
    const json::object view{{"name", behaviour_.name},
                            {"error_rate", behaviour_.error_rate},
                            {"delay_ms", behaviour_.delay_ms},
                            {"requests", requests_.load()},
                            {"errors", errors_.load()}};
    return make(http::status::ok, json::serialize(view) + "\n", behaviour_.name);
  }

  static Response make(http::status status, std::string body, const std::string& name) {
    Response response{status, 11};
    response.set(http::field::content_type, "text/plain");
    if (!name.empty()) response.set("X-Served-By", name);
    response.body() = std::move(body);
    response.prepare_payload();
    return response;
  }

  static double roll() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(random);
  }

  std::mutex mutex_;
  Behaviour behaviour_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> errors_{0};
};

void serve(tcp::socket socket, Service& service) {
  boost::system::error_code failed;
  socket.set_option(tcp::no_delay(true), failed);
  beast::flat_buffer buffer;
  while (!failed) {
    Request request;
    http::read(socket, buffer, request, failed);
    if (failed) return;
    Response response = service.answer(request);
    response.keep_alive(request.keep_alive());
    http::write(socket, response, failed);
    if (!request.keep_alive()) return;
  }
}

}  // namespace

// Usage: sample_service NAME PORT PORT_FILE [ERROR_RATE [DELAY_MS]]; port 0 means any, written to
// PORT_FILE.
int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: sample_service NAME PORT PORT_FILE [ERROR_RATE [DELAY_MS]]\n";
    return 2;
  }
  try {
    Service service(
        {argv[1], argc > 4 ? std::atof(argv[4]) : 0, argc > 5 ? std::atoi(argv[5]) : 0});
    asio::io_context context;
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
    std::ofstream(argv[3]) << acceptor.local_endpoint().port() << std::endl;
    while (true) std::thread(serve, acceptor.accept(), std::ref(service)).detach();
  } catch (const std::exception& e) {
    std::cerr << "sample_service: " << e.what() << '\n';
    return 1;
  }
}
