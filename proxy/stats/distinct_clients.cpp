#include "proxy/stats/distinct_clients.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cutwater::stats {

double ClientUnion::estimate() const {
  std::size_t ones = 0;
  for (const std::uint64_t word : words_) ones += static_cast<std::size_t>(std::popcount(word));
  const double bits = static_cast<double>(kClientBits);
  // A full bitmap says "very many"; half a zero bit keeps the logarithm finite.
  const double zeros = std::max(bits - static_cast<double>(ones), 0.5);
  return -bits * std::log(zeros / bits) + static_cast<double>(anonymous_);
}

std::int64_t DistinctClients::minute_of(TimePoint now) {
  return std::chrono::duration_cast<std::chrono::minutes>(now.time_since_epoch()).count();
}

void DistinctClients::start(Generation& generation, std::int64_t minute) {
  for (auto& word : generation.words) word.store(0, std::memory_order_relaxed);
  generation.anonymous.store(0, std::memory_order_relaxed);
  generation.minute.store(minute, std::memory_order_relaxed);
}

void DistinctClients::add(std::uint64_t client, TimePoint now) {
  const std::int64_t minute = minute_of(now);
  Generation& generation = generations_[static_cast<std::size_t>(minute & 1)];
  if (generation.minute.load(std::memory_order_relaxed) != minute) start(generation, minute);
  if (client == 0) {
    generation.anonymous.store(generation.anonymous.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
    return;
  }
  auto& word = generation.words[(client >> 6) % kClientWords];
  const std::uint64_t before = word.load(std::memory_order_relaxed);
  const std::uint64_t after = before | (std::uint64_t{1} << (client & 63));
  if (after != before) word.store(after, std::memory_order_relaxed);  // keeps the line clean
}

void DistinctClients::merge_into(ClientUnion& all, TimePoint now) const {
  const std::int64_t oldest = minute_of(now) - 1;
  for (const Generation& generation : generations_) {
    const std::int64_t minute = generation.minute.load(std::memory_order_relaxed);
    if (minute < 0 || minute < oldest) continue;
    for (std::size_t i = 0; i < kClientWords; ++i)
      all.words_[i] |= generation.words[i].load(std::memory_order_relaxed);
    all.anonymous_ += generation.anonymous.load(std::memory_order_relaxed);
  }
}

}  // namespace cutwater::stats
