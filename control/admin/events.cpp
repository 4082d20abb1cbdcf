// Implements GET /v1/events: server-sent events (WHATWG HTML 9.2), resumable with Last-Event-ID.
#include "control/admin/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>

namespace cutwater::control::admin {
namespace asio = boost::asio;
namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// Says where to resume; text that is not a number means from the start.
std::uint64_t event_id(std::string_view text) {
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

std::string format(const Event& event) {
  std::string text = "id: " + std::to_string(event.id) + "\nevent: " + event.type + "\n";
  std::string_view rest = event.data;
  while (true) {
    const std::size_t end = rest.find('\n');
    text += "data: ";
    text += rest.substr(0, end);
    text += '\n';
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return text + "\n";
}

// Holds the events on their way to one reader. The subscription's sink shares the queue and may
// outlive the coroutine by a moment.
struct Queue {
  explicit Queue(asio::any_io_executor executor) : wake(std::move(executor)) {}
  asio::steady_timer wake;  // cancelled when there is something to write
  std::string text;
  std::size_t events = 0;
  bool overflow = false;  // the reader is too slow: it gets what is queued, and then the stream
                          // ends
};

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";

}  // namespace

Awaitable<void> Session::stream_events(Call& call) {
  wire_.expires_after(shared_->limits.write_deadline);
  auto [error, size] = co_await asio::async_write(wire_, asio::buffer(kHead), kToken);
  if (error || parser_->get().method() == http::verb::head) co_return;

  auto queue = std::make_shared<Queue>(co_await asio::this_coro::executor);
  const std::string_view header_id = header_one("Last-Event-ID");
  const auto after = call.query.find("after");
  const std::string_view last =
      header_id.empty() && after != call.query.end() ? after->second : header_id;
  const std::size_t most = shared_->limits.queued_events;
  const auto subscription =
      shared_->resources.proxy.subscribe(event_id(last), [queue, most](const Event& event) {
        if (queue->overflow) return;
        queue->overflow = ++queue->events > most;
        if (!queue->overflow) queue->text += format(event);
        queue->wake.cancel();
      });
  std::string sending = "retry: 1000\n\n";
  while (true) {
    sending += std::exchange(queue->text, {});
    queue->events = 0;
    wire_.expires_after(shared_->limits.write_deadline);
    auto [failed, written] = co_await asio::async_write(wire_, asio::buffer(sending), kToken);
    if (failed || (queue->overflow && queue->text.empty())) co_return;
    sending.clear();
    if (!queue->text.empty()) continue;
    queue->wake.expires_after(shared_->limits.heartbeat);
    auto [woken] = co_await queue->wake.async_wait(kToken);
    if (!woken) sending = ": still here\n\n";
    if (!wire_.is_open()) co_return;
  }
}

}  // namespace cutwater::control::admin
