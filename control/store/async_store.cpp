#include "control/store/async_store.hpp"

#include <pthread.h>
#include <signal.h>

namespace cutwater::control {
namespace asio = boost::asio;

AsyncStore::AsyncStore(std::unique_ptr<Store> store)
    : store_(std::move(store)), work_(asio::make_work_guard(context_)) {
  thread_ = std::thread([this] {
    // The control thread handles signals; a write beyond RLIMIT_FSIZE must be an error, not end the
    // process.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "cw-store");
    context_.run();
  });
}

AsyncStore::~AsyncStore() {
  finish();
}

void AsyncStore::finish() {
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

asio::awaitable<StoreResult<std::vector<std::uint64_t>>> AsyncStore::commit(Change change) {
  using R = StoreResult<std::vector<std::uint64_t>>;
  std::function<R(Store&)> work = [change = std::move(change)](Store& store) {
    return store.commit(change);
  };
  co_return co_await run<R>(std::move(work));
}

asio::awaitable<StoreResult<std::vector<Decision>>> AsyncStore::decisions(
    std::string service, std::optional<std::uint64_t> after, std::size_t limit,
    std::int64_t since_ms) {
  using R = StoreResult<std::vector<Decision>>;
  std::function<R(Store&)> work = [=](Store& store) {
    return store.decisions(service, after, limit, since_ms);
  };
  co_return co_await run<R>(std::move(work));
}

asio::awaitable<StoreResult<std::vector<IdempotencyRecord>>> AsyncStore::find_idempotent(
    std::string key, std::int64_t now_unix_s) {
  using R = StoreResult<std::vector<IdempotencyRecord>>;
  std::function<R(Store&)> work = [=](Store& store) {
    return store.find_idempotent(key, now_unix_s);
  };
  co_return co_await run<R>(std::move(work));
}

asio::awaitable<StoreResult<bool>> AsyncStore::remember(IdempotencyRecord record,
                                                        std::int64_t now_unix_s) {
  using R = StoreResult<bool>;
  std::function<R(Store&)> work = [record = std::move(record), now_unix_s](Store& store) {
    return store.remember(record, now_unix_s);
  };
  co_return co_await run<R>(std::move(work));
}

}  // namespace cutwater::control
