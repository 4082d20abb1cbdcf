// Runs the store on its own thread: SQLite blocks on fsync, which the control thread must not.
// Requests run in the order asked. It lives as long as the application; the destructor finishes
// what was asked and joins. Awaitables complete on the caller's executor.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/base/awaitable.hpp"
#include "control/store/store.hpp"

namespace cutwater::control {

class AsyncStore {
 public:
  explicit AsyncStore(std::unique_ptr<Store> store);
  ~AsyncStore();
  AsyncStore(const AsyncStore&) = delete;
  AsyncStore& operator=(const AsyncStore&) = delete;

  // Finishes what was asked for and refuses everything after it. Then nobody posts to the context.
  void finish();

  const Loaded& loaded() const { return store_->loaded(); }  // immutable after open

  Awaitable<StoreResult<std::vector<std::uint64_t>>> commit(Change change);
  Awaitable<StoreResult<std::vector<Decision>>> decisions(std::string service,
                                                          std::optional<std::uint64_t> after,
                                                          std::size_t limit, std::int64_t since_ms);
  Awaitable<StoreResult<std::vector<IdempotencyRecord>>> find_idempotent(std::string key,
                                                                         std::int64_t now_unix_s);
  Awaitable<StoreResult<bool>> remember(IdempotencyRecord record, std::int64_t now_unix_s);

  // Runs `work` on the store thread, for other blocking calls (name resolution at reload).
  template <typename R>
  Awaitable<R> run(std::function<R(Store&)> work) {
    return await_callback<R>([this, work = std::move(work)](auto done) mutable {
      boost::asio::post(context_, [this, work = std::move(work), done = std::move(done)]() mutable {
        done(work(*store_));
      });
    });
  }

 private:
  std::unique_ptr<Store> store_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace cutwater::control
