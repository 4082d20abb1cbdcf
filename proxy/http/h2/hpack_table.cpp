#include "proxy/http/h2/hpack_table.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace cutwater::http {

namespace {

constexpr unsigned kStaticEntries = 61;  // RFC 7541, appendix A
constexpr std::size_t kEntryBytes = 32;  // beside its texts: RFC 7541 4.1

// Returns a hash that is never 0, because 0 stands for no entry.
std::uint32_t hash_of(std::string_view name, std::string_view value) {
  const auto seed = name.empty() ? 0 : name.size() << 8 | static_cast<std::uint8_t>(name.back());
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(value.data(), value.size(), seed)) | 1;
}

}  // namespace

HpackTable::Found HpackTable::find(std::string_view name, std::string_view value) {
  const std::size_t bytes = name.size() + value.size() + kEntryBytes;
  if (bytes > size_ / 2) return {};
  const std::uint32_t hash = hash_of(name, value);
  for (std::size_t i = 0; i < kEntries; ++i) {
    if (hashes_[i] != hash) continue;
    const Entry& entry = entries_[i];
    if (entry.name != name || entry.value != value) continue;
    // Entry i is the latest insertion whose number leaves the remainder i.
    const std::uint64_t later = (inserted_ + kEntries - 1 - i) % kEntries;
    return {.index = kStaticEntries + 1 + static_cast<unsigned>(later)};
  }
  std::uint32_t& seen = seen_[hash / 2 % seen_.size()];
  if (seen != hash) {
    seen = hash;
    return {};
  }
  insert(hash, name, value);
  return {.insert = true};
}

void HpackTable::insert(std::uint32_t hash, std::string_view name, std::string_view value) {
  if (entries_.empty()) entries_.resize(kEntries);
  const std::size_t at = inserted_++ % kEntries;
  hashes_[at] = hash;
  entries_[at] = {std::string(name), std::string(value), inserted_bytes_};
  inserted_bytes_ += name.size() + value.size() + kEntryBytes;
  resize(size_);
}

void HpackTable::resize(std::size_t bytes) {
  size_ = std::min(bytes, kMostBytes);
  if (inserted_bytes_ > size_) evicted_bytes_ = std::max(evicted_bytes_, inserted_bytes_ - size_);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (hashes_[i] == 0 || entries_[i].begin >= evicted_bytes_) continue;
    hashes_[i] = 0;
    entries_[i] = Entry();  // frees its memory, too
  }
}

}  // namespace cutwater::http
