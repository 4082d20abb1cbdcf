#include "control/health/memory_probe.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstring>

#include "config/model.hpp"
#include "config/units.hpp"
#include "control/base/connection.hpp"
#include "control/base/endpoint_address.hpp"
#include "control/base/http_client.hpp"
#include "control/health/metric_text.hpp"

namespace cutwater::control::health {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
namespace {

constexpr std::size_t kMostText = 4 * 1024 * 1024;

std::string replaced(std::string text, std::string_view what, const std::string& by) {
  if (const std::size_t at = text.find(what); at != std::string::npos)
    text.replace(at, what.size(), by);
  return text;
}

asio::awaitable<bool> refuses(const upstream::Endpoint& endpoint) {
  Connection connection(co_await asio::this_coro::executor, std::chrono::seconds(1));
  std::vector<tcp::endpoint> addresses(1, address_of(endpoint));
  const auto problem = co_await connection.connect(std::move(addresses), false);
  co_return problem.has_value();
}

}  // namespace

std::optional<std::string> MemoryWatch::note(const Sample& sample, const config::Memory& memory) {
  const double most = static_cast<double>(memory.limit_bytes) * memory.threshold.ratio();
  if (!sample.used_bytes || *sample.used_bytes <= most) {
    above_.erase(sample.endpoint);
    return std::nullopt;
  }
  if (++above_[sample.endpoint] < kRunning) return std::nullopt;
  above_.erase(sample.endpoint);
  char text[160];
  std::snprintf(text, sizeof text, "uses %.0f MiB of %.0f MiB, above %s in %d samples running",
                *sample.used_bytes / (1 << 20), static_cast<double>(memory.limit_bytes) / (1 << 20),
                to_string(memory.threshold).c_str(), kRunning);
  return sample.url + " " + text;
}

asio::awaitable<std::optional<double>> ask_memory(std::shared_ptr<upstream::Endpoint> endpoint,
                                                  config::Memory memory) {
  HttpRequest request;
  request.method = "GET";
  const tcp::endpoint address = address_of(*endpoint);
  const std::string host = config::url_host(address.address().to_string());
  request.url = replaced(memory.url, "{endpoint}", host + ":" + std::to_string(address.port()));
  request.url = replaced(request.url, "{host}", host);
  request.timeout = std::chrono::seconds(4);  // before the next sample is due
  request.max_body = kMostText;
  const HttpOutcome outcome = co_await ask_http(std::move(request));
  if (!outcome.answer || !outcome.answer->is_success()) co_return std::nullopt;
  co_return read_metric(outcome.answer->body, memory.used);
}

asio::awaitable<bool> all_refuse(std::vector<std::shared_ptr<upstream::Endpoint>> endpoints) {
  constexpr int kRounds = 3;
  constexpr auto kApart = std::chrono::milliseconds(500);
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) {
      asio::steady_timer timer(co_await asio::this_coro::executor, kApart);
      co_await timer.async_wait(asio::use_awaitable);
    }
    for (const auto& endpoint : endpoints) {
      const bool refused = co_await refuses(*endpoint);
      if (!refused) co_return false;
    }
  }
  co_return !endpoints.empty();
}

}  // namespace cutwater::control::health
