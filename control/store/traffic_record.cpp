#include "control/store/traffic_record.hpp"

#include <algorithm>

#include "control/base/json_text.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

// A double holds this much without loss: it is enough for any count and moment, and too little to
// overflow sums.
constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 48;
constexpr std::size_t kMostSteps = 100'000;
constexpr std::int64_t kLongestSpanMs = std::int64_t{1} << 40;

// Returns how long two neighbours would be as one. A clock that was set back in between counts as
// no time.
std::int64_t span_of(const TrafficTick& first, const TrafficTick& second) {
  return std::max(second.end_ms - (first.end_ms - first.span_ms), first.span_ms + second.span_ms);
}

void merge_up_to(std::int64_t span_ms, Traffic& ticks) {
  Traffic merged;
  for (TrafficTick& tick : ticks) {
    TrafficTick* last = merged.empty() ? nullptr : &merged.back();
    const bool alike = last != nullptr && last->step == tick.step && last->weight == tick.weight;
    if (!alike || span_of(*last, tick) > span_ms) {
      merged.push_back(std::move(tick));
      continue;
    }
    last->span_ms = span_of(*last, tick);
    last->end_ms = tick.end_ms;
    last->to += tick.to;
    last->from += tick.from;
  }
  ticks = std::move(merged);
}

json::object counts_json(const TrafficCounts& counts) {
  json::array latency;
  for (const auto& [bucket, count] : counts.latency) {
    latency.emplace_back(bucket);
    latency.emplace_back(count);
  }
  json::object out{{"requests", counts.requests}, {"errors", counts.errors}};
  if (counts.timeouts > 0) out["timeouts"] = counts.timeouts;
  out["latency"] = std::move(latency);
  return out;
}

// Throws what Boost.JSON throws; the caller turns it into nullopt.
std::uint64_t count_from(const json::value& value, std::uint64_t most = kMostCounted) {
  const auto count = value.to_number<std::uint64_t>();
  if (count > most) throw std::out_of_range("too large");
  return count;
}

TrafficCounts counts_from(const json::object& in) {
  TrafficCounts out;
  out.requests = count_from(in.at("requests"));
  out.errors = count_from(in.at("errors"), out.requests);
  if (const json::value* timeouts = in.if_contains("timeouts"))
    out.timeouts = count_from(*timeouts, out.errors);
  const json::array& latency = in.at("latency").as_array();
  if (latency.size() % 2 != 0) throw std::out_of_range("a bucket without a count");
  for (std::size_t i = 0; i < latency.size(); i += 2) {
    const auto bucket =
        static_cast<std::uint16_t>(count_from(latency[i], stats::LatencyBuckets::kCount - 1));
    if (!out.latency.empty() && bucket <= out.latency.back().first)
      throw std::out_of_range("buckets do not rise");
    out.latency.emplace_back(bucket, count_from(latency[i + 1]));
  }
  return out;
}

TrafficTick tick_from(const json::object& in) {
  TrafficTick out;
  out.end_ms = static_cast<std::int64_t>(count_from(in.at("end_ms")));
  out.span_ms = static_cast<std::int64_t>(count_from(in.at("span_ms")));
  out.step = count_from(in.at("step"), kMostSteps);
  if (out.step-- == 0) throw std::out_of_range("steps begin at 1");
  const auto weight = share_from_percent(in.at("weight").to_number<double>());
  if (!weight) throw std::out_of_range("no share");
  out.weight = *weight;
  out.to = counts_from(in.at("to").as_object());
  out.from = counts_from(in.at("from").as_object());
  return out;
}

}  // namespace

std::uint64_t TrafficCounts::timed() const {
  std::uint64_t sum = timeouts;
  for (const auto& [bucket, count] : latency) sum += count;
  return sum;
}

std::uint64_t TrafficCounts::slower_than(Nanoseconds limit) const {
  const std::size_t last = stats::LatencyBuckets::index(limit);
  std::uint64_t sum = timeouts;
  for (const auto& [bucket, count] : latency)
    if (bucket > last) sum += count;
  return sum;
}

TrafficCounts& TrafficCounts::operator+=(const TrafficCounts& other) {
  requests += other.requests;
  errors += other.errors;
  timeouts += other.timeouts;
  decltype(latency) both;
  auto mine = latency.begin();
  for (const auto& theirs : other.latency) {
    for (; mine != latency.end() && mine->first < theirs.first; ++mine) both.push_back(*mine);
    both.push_back(theirs);
    if (mine != latency.end() && mine->first == theirs.first) both.back().second += mine++->second;
  }
  both.insert(both.end(), mine, latency.end());
  latency = std::move(both);
  return *this;
}

TrafficCounts counts_between(const stats::VersionTotals& before, const stats::VersionTotals& now) {
  TrafficCounts out;
  if (now.attempts() < before.attempts() || now.errors() < before.errors()) return out;
  out.requests = now.attempts() - before.attempts();
  // The workers keep writing while their counters are read one after the other.
  out.errors = std::min(now.errors() - before.errors(), out.requests);
  constexpr auto kTimeout = static_cast<std::size_t>(stats::Outcome::Timeout);
  out.timeouts = std::min(now.outcomes[kTimeout] - before.outcomes[kTimeout], out.errors);
  for (std::size_t i = 0; i < now.latency.buckets.size(); ++i) {
    const std::uint64_t was = before.latency.buckets.empty() ? 0 : before.latency.buckets[i];
    if (now.latency.buckets[i] > was)
      out.latency.emplace_back(static_cast<std::uint16_t>(i), now.latency.buckets[i] - was);
  }
  return out;
}

void coalesce(Traffic& ticks, std::size_t most) {
  if (ticks.size() <= most) return;
  // Makes room for a while, so that the next tick does not do it again.
  const std::size_t enough = most - most / 4;
  for (std::int64_t span = 2000; ticks.size() > enough && span < kLongestSpanMs; span *= 2)
    merge_up_to(span, ticks);
  // A rollout has never so many changes of weight, so the oldest ticks are dropped.
  if (ticks.size() > most) ticks.erase(ticks.begin(), ticks.end() - static_cast<long>(most));
}

json::array to_json(const Traffic& ticks) {
  json::array out;
  for (const TrafficTick& tick : ticks)
    out.push_back(json::object{{"end_ms", tick.end_ms},
                               {"span_ms", tick.span_ms},
                               {"step", tick.step + 1},
                               {"weight", number(tick.weight.as_percent())},
                               {"to", counts_json(tick.to)},
                               {"from", counts_json(tick.from)}});
  return out;
}

std::optional<Traffic> traffic_from_json(const json::value& value) try {
  Traffic out;
  for (const json::value& tick : value.as_array()) out.push_back(tick_from(tick.as_object()));
  return out;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
