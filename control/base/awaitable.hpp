// Declares what the control plane's coroutines are made of. They run on the caller's thread.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace cutwater::control {

template <typename T>
using Awaitable = boost::asio::awaitable<T>;

// Calls `start(done)` and completes, on the caller's executor, when `done(values...)` was called.
// `done` must be called once; any thread may do it.
template <typename... Values, typename Start>
auto await_callback(Start start) {
  namespace asio = boost::asio;
  auto initiate = [start = std::move(start)](auto handler) mutable {
    auto home = asio::get_associated_executor(handler);
    auto keep = asio::make_work_guard(home);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    start([home, keep, shared](Values... values) {
      asio::post(home, [shared, ... values = std::move(values)]() mutable {
        std::move (*shared)(std::move(values)...);
      });
    });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Values...)>(std::move(initiate),
                                                                              asio::use_awaitable);
}

}  // namespace cutwater::control
