#include "control/notify/notifier.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>

#include "control/base/log_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/notify/event.hpp"
#include "proxy/base/random.hpp"

namespace cutwater::control::notify {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

using State = OutboxItem::State;
using std::chrono::milliseconds;

constexpr milliseconds kFirstBackOff = std::chrono::seconds(1);
constexpr milliseconds kLongestBackOff = std::chrono::minutes(5);
constexpr milliseconds kStoreBackOff = std::chrono::seconds(5);
constexpr auto kForever = std::chrono::hours(24);

}  // namespace

Outside real_outside() {
  Outside out;
  out.wall_ms = [] {
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  out.random = [engine = std::make_shared<std::mt19937_64>(random_u64())] {
    return std::uniform_real_distribution<double>(0, 1)(*engine);
  };
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host.fill('\0');
  out.source = std::string("cutwater/") + host.data();
  return out;
}

milliseconds back_off(int attempt, double random) {
  const int doublings = std::clamp(attempt - 1, 0, 20);
  const auto most = std::min<milliseconds>(kFirstBackOff * (1LL << doublings), kLongestBackOff);
  return milliseconds(
      static_cast<std::int64_t>(static_cast<double>(most.count()) * (1.0 - 0.5 * random)));
}

// Holds what the loops share with the notifier.
struct Notifier::Shared : std::enable_shared_from_this<Notifier::Shared> {
  struct Loop {
    explicit Loop(asio::io_context& context) : timer(context) {}
    asio::steady_timer timer;
    bool woken = false;
    bool ended = false;
  };

  Shared(asio::io_context& io, AsyncStore& the_store, Outside the_outside)
      : context(io), store(the_store), outside(std::move(the_outside)) {}

  void wake(const std::string& channel);
  void begin_loops();
  void count(const std::string& channel, const char* result) { ++counted[{channel, result}]; }

  static asio::awaitable<void> run(std::shared_ptr<Shared> self, std::string channel,
                                   std::shared_ptr<Loop> loop);
  static asio::awaitable<void> give_up_removed(std::shared_ptr<Shared> self);
  static asio::awaitable<std::optional<milliseconds>> deliver_due(std::shared_ptr<Shared> self,
                                                                  std::string channel,
                                                                  std::shared_ptr<Loop> loop);
  static asio::awaitable<bool> save(std::shared_ptr<Shared> self, OutboxItem item);
  asio::awaitable<void> refresh_pending();
  void note_failure(OutboxItem& item, const Reception& reception, std::int64_t now);
  Letter letter_for(const config::Channel& channel, const OutboxItem& item, std::string thread,
                    std::int64_t now) const {
    return {channel, item, std::move(thread), outside.source, now};
  }

  asio::io_context& context;
  AsyncStore& store;
  Outside outside;
  Router router;
  std::map<std::string, std::shared_ptr<Loop>> loops;
  // Holds items that were delivered or given up before the store could be told: they must not be
  // sent again.
  std::map<std::string, OutboxItem> unsaved;  // by channel
  Counted counted;
  std::map<std::string, std::uint64_t> pending;
  bool started = false;
  bool stopped = false;
};

// --- delivery ------------------------------------------------------------------------------------

void Notifier::Shared::note_failure(OutboxItem& item, const Reception& reception,
                                    std::int64_t now) {
  item.error = reception.detail;
  const bool refused = reception.kind == Reception::Kind::Refused;
  const auto wait = std::max(back_off(item.attempts, outside.random()),
                             reception.after.value_or(milliseconds(0)));
  item.next_ms = now + wait.count();
  if (!refused && item.next_ms < item.expires_ms) {
    count(item.channel, "retried");
    spdlog::warn("notification failed channel={} event={} attempt={} retry_in_ms={} why=\"{}\"",
                 item.channel, item.event_id, item.attempts, wait.count(), log_text(item.error));
    return;
  }
  item.state = State::Dead;
  item.finished_ms = now;
  count(item.channel, "dead");
  spdlog::error("notification given up channel={} event={} attempts={} why=\"{}\"", item.channel,
                item.event_id, item.attempts, log_text(item.error));
}

asio::awaitable<void> Notifier::Shared::refresh_pending() {
  using R = StoreResult<std::map<std::string, std::uint64_t>>;
  std::function<R(Store&)> work = [](Store& from) { return from.outbox_pending(); };
  const R found = co_await store.run<R>(std::move(work));
  if (found.has_value()) pending = *found;
}

// Returns false if the store is in trouble; the item is kept and saved first the next time.
asio::awaitable<bool> Notifier::Shared::save(std::shared_ptr<Shared> self, OutboxItem item) {
  using R = StoreResult<bool>;
  std::function<R(Store&)> work = [item](Store& store) { return store.outbox_update(item); };
  const R saved = co_await self->store.run<R>(std::move(work));
  if (saved.has_value()) {
    self->unsaved.erase(item.channel);
    co_return true;
  }
  spdlog::error("the outbox cannot be written error=\"{}\"", saved.error().message);
  self->unsaved.insert_or_assign(item.channel, item);
  co_return false;
}

asio::awaitable<std::optional<milliseconds>> Notifier::Shared::deliver_due(
    std::shared_ptr<Shared> self, std::string channel, std::shared_ptr<Loop> loop) {
  using Head = StoreResult<OutboxHead>;
  while (!self->stopped && !(loop && loop->ended)) {
    if (const auto kept = self->unsaved.find(channel); kept != self->unsaved.end()) {
      const bool saved = co_await save(self, kept->second);
      if (!saved) co_return kStoreBackOff;
    }
    const std::int64_t now = self->outside.wall_ms();
    std::function<Head(Store&)> work = [channel, now](Store& store) {
      return store.outbox_head(channel, now);
    };
    const Head found = co_await self->store.run<Head>(std::move(work));
    if (self->stopped) break;
    if (found.has_error()) {
      spdlog::error("the outbox cannot be read error=\"{}\"", found.error().message);
      co_return kStoreBackOff;
    }
    co_await self->refresh_pending();
    if (self->stopped) break;
    const config::Channel* known = self->router.find(channel);
    if (known == nullptr) co_return std::nullopt;
    if (!found->item) {
      if (found->wake_ms == 0) co_return std::nullopt;
      co_return milliseconds(std::max<std::int64_t>(found->wake_ms - now, 1));
    }
    OutboxItem item = *found->item;
    if (item.next_ms > now && item.expires_ms > now)
      co_return milliseconds(std::min(item.next_ms, item.expires_ms) - now);
    if (item.expires_ms <= now) {
      const Reception late{
          Reception::Kind::Refused,
          "expired" + (item.error.empty() ? "" : "; the last attempt: " + item.error)};
      self->note_failure(item, late, now);
    } else {
      ++item.attempts;
      const config::Channel to = *known;  // copied, because a reload may replace it while we wait
      HttpRequest request = write_letter(self->letter_for(to, item, found->thread, now));
      const HttpOutcome outcome = co_await self->outside.ask(std::move(request));
      if (self->stopped) break;
      const Reception reception = read_answer(to, outcome);
      if (reception.kind == Reception::Kind::Delivered) {
        item.state = State::Delivered;
        item.receipt = reception.receipt;
        item.error.clear();
        item.finished_ms = self->outside.wall_ms();
        self->count(channel, "delivered");
        spdlog::info("notified channel={} event={} attempts={}", channel, item.event_id,
                     item.attempts);
      } else {
        self->note_failure(item, reception, self->outside.wall_ms());
      }
    }
    const bool saved = co_await save(self, std::move(item));
    if (!saved) co_return kStoreBackOff;
  }
  co_return std::nullopt;
}

// --- loops ---------------------------------------------------------------------------------------

asio::awaitable<void> Notifier::Shared::run(std::shared_ptr<Shared> self, std::string channel,
                                            std::shared_ptr<Loop> loop) {
  while (!self->stopped && !loop->ended) {
    loop->woken = false;
    const auto wait = co_await deliver_due(self, channel, loop);
    if (self->stopped || loop->ended) co_return;
    if (loop->woken) continue;
    loop->timer.expires_after(wait.value_or(kForever));
    co_await loop->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void Notifier::Shared::wake(const std::string& channel) {
  const auto found = loops.find(channel);
  if (found == loops.end()) return;
  found->second->woken = true;
  found->second->timer.cancel();
}

void Notifier::Shared::begin_loops() {
  if (!started || stopped) return;
  for (const auto& channel : router.channels()) {
    auto& loop = loops[channel.name];
    if (loop) {
      wake(channel.name);  // its settings may have been mended
      continue;
    }
    loop = std::make_shared<Loop>(context);
    asio::co_spawn(context, run(shared_from_this(), channel.name, loop), asio::detached);
  }
  std::erase_if(loops, [this](const auto& entry) {
    if (router.find(entry.first) != nullptr) return false;
    entry.second->ended = true;
    entry.second->timer.cancel();
    return true;
  });
  asio::co_spawn(context, give_up_removed(shared_from_this()), asio::detached);
}

asio::awaitable<void> Notifier::Shared::give_up_removed(std::shared_ptr<Shared> self) {
  co_await self->refresh_pending();
  const auto waiting = self->pending;
  for (const auto& [channel, count] : waiting) {
    if (self->stopped) co_return;
    if (self->router.find(channel) != nullptr) continue;
    spdlog::warn("notifications given up channel={} count={} why=\"the channel is gone\"", channel,
                 count);
    using R = StoreResult<bool>;
    std::function<R(Store&)> work = [channel = channel,
                                     now = self->outside.wall_ms()](Store& store) {
      return store.outbox_give_up(channel, "the channel is no longer in the configuration", now);
    };
    co_await self->store.run<R>(std::move(work));
    self->counted[{channel, "dead"}] += count;
  }
  if (!self->stopped) co_await self->refresh_pending();
}

// --- the notifier --------------------------------------------------------------------------------

Notifier::Notifier(asio::io_context& context, AsyncStore& store, Outside outside)
    : shared_(std::make_shared<Shared>(context, store, std::move(outside))) {}

Notifier::~Notifier() {
  stop();
}

void Notifier::adopt(const config::Operations& operations) {
  shared_->router.adopt(operations.notify);
  shared_->begin_loops();
}

void Notifier::start() {
  if (shared_->started) return;
  shared_->started = true;
  shared_->begin_loops();
}

void Notifier::stop() {
  shared_->stopped = true;
  for (auto& [channel, loop] : shared_->loops) loop->timer.cancel();
}

void Notifier::set_open(const std::vector<OpenTopic>& topics) {
  shared_->router.set_open(topics);
}

void Notifier::before_write(Change& change) const {
  change.outbox = shared_->router.address(change.decisions, shared_->outside.wall_ms());
}

void Notifier::after_write(const Change& change) {
  shared_->router.written(change.outbox);
  for (const OutboxItem& item : change.outbox) shared_->wake(item.channel);
}

asio::awaitable<bool> Notifier::tell(std::string note_key, std::string note,
                                     std::vector<Router::Notice> notices) {
  const auto self = shared_;
  std::vector<OutboxItem> items;
  for (const auto& notice : notices)
    for (auto& item : self->router.address(notice, self->outside.wall_ms()))
      items.push_back(std::move(item));
  using R = StoreResult<bool>;
  std::function<R(Store&)> work = [note_key, note, items](Store& store) {
    return store.put_note(note_key, note, items);
  };
  const R written = co_await self->store.run<R>(std::move(work));
  if (written.has_error()) co_return false;
  self->router.written(items);
  for (const OutboxItem& item : items) self->wake(item.channel);
  co_return true;
}

asio::awaitable<std::optional<milliseconds>> Notifier::deliver_due(std::string channel) {
  return Shared::deliver_due(shared_, std::move(channel), nullptr);
}

asio::awaitable<Reply> Notifier::test(std::string channel) {
  const auto self = shared_;
  const std::vector<config::Channel> channels = self->router.channels();
  if (!channel.empty() && self->router.find(channel) == nullptr)
    co_return problem(404, "channel_unknown", "there is no channel `" + channel + "` in `notify`");
  if (channels.empty())
    co_return problem(409, "no_channels", "`notify` has no channels: nobody would be told");
  json::array results;
  bool all = true;
  for (const config::Channel& to : channels) {
    if (!channel.empty() && to.name != channel) continue;
    const std::int64_t now = self->outside.wall_ms();
    OutboxItem item;
    item.event = test_event(time_text(now));
    item.event_id = "test-" + std::to_string(random_u64());
    item.topic = item.event_id;
    item.operation =
        has_incidents(to.kind) ? OutboxItem::Operation::Trigger : OutboxItem::Operation::Tell;
    item.created_ms = now;
    const std::string no_thread;
    HttpRequest begin = write_letter(self->letter_for(to, item, no_thread, now));
    HttpOutcome outcome = co_await self->outside.ask(std::move(begin));
    Reception reception = read_answer(to, outcome);
    if (has_incidents(to.kind) && reception.kind == Reception::Kind::Delivered) {
      item.operation = OutboxItem::Operation::Resolve;  // a test leaves no incident behind
      HttpRequest end =
          write_letter(self->letter_for(to, item, no_thread, self->outside.wall_ms()));
      outcome = co_await self->outside.ask(std::move(end));
      reception = read_answer(to, outcome);
    }
    const bool delivered = reception.kind == Reception::Kind::Delivered;
    all = all && delivered;
    results.push_back(json::object{{"channel", to.name},
                                   {"kind", std::string(config::to_string(to.kind))},
                                   {"delivered", delivered},
                                   {"detail", reception.detail}});
  }
  Reply reply;
  reply.body = json::object{{"delivered", all}, {"channels", std::move(results)}};
  co_return reply;
}

const Notifier::Counted& Notifier::counted() const {
  return shared_->counted;
}

std::map<std::string, std::uint64_t> Notifier::pending() const {
  std::map<std::string, std::uint64_t> out;
  for (const auto& channel : shared_->router.channels()) out[channel.name] = 0;
  for (const auto& [channel, count] : shared_->pending) out[channel] = count;
  return out;
}

}  // namespace cutwater::control::notify
