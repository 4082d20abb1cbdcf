// Mirrors what the peer's HPACK decoder remembers of the fields we sent (RFC 7541 2.3.2, 4), as far
// as it is worth knowing: the latest insertions, found by a hash. A field that is forgotten here
// too early is merely sent again. A field is put into the peer's table when it comes the second
// time, so that fields that never repeat (ids, cookies, tags) push nothing out. Every block that
// asks the table must be sent, in the order of asking. Only the connection's worker uses it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cutwater::http {

class HpackTable {
 public:
  // A peer that says nothing else has a table of this size, which is also the largest that
  // nghttp2's encoder uses.
  static constexpr std::size_t kMostBytes = 4096;

  struct Found {
    unsigned index = 0;   // of the field as the peer counts, 62 is the latest; 0 if the peer does
                          // not have it
    bool insert = false;  // the peer has to be told to put the field into its table now
  };
  Found find(std::string_view name, std::string_view value);

  // Applies the peer's SETTINGS_HEADER_TABLE_SIZE; a value above kMostBytes counts as that. The
  // next block must begin with the size update that says so (RFC 7541 4.2; nghttp2 writes it).
  void resize(std::size_t bytes);

 private:
  static constexpr std::size_t kEntries = 32;  // entries followed; a full table holds some 50
  struct Entry {
    std::string name;
    std::string value;
    std::uint64_t begin = 0;  // bytes inserted before it
  };
  void insert(std::uint32_t hash, std::string_view name, std::string_view value);

  std::size_t size_ = kMostBytes;
  std::uint64_t inserted_ = 0;                    // fields so far; entry n is at n % kEntries
  std::uint64_t inserted_bytes_ = 0;              // as RFC 7541 4.1 counts
  std::uint64_t evicted_bytes_ = 0;               // entries that begin before this are gone
  std::array<std::uint32_t, kEntries> hashes_{};  // 0 means none
  std::vector<Entry> entries_;                    // none before the first insertion
  std::array<std::uint32_t, 64> seen_{};  // hashes of fields that came once, by their last bits
};

}  // namespace cutwater::http
