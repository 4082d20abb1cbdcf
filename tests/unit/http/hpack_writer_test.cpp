// Tests header blocks of our own, read back by nghttp2: what we write is what anybody reads.
#include "proxy/http/h2/hpack_writer.hpp"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <random>
#include <string>
#include <vector>

namespace cutwater::http {
namespace {

struct Line {
  std::string name;
  std::string value;
  bool never_indexed = false;
  friend bool operator==(const Line&, const Line&) = default;
};
void PrintTo(const Line& line, std::ostream* out) {
  *out << line.name << ": " << line.value.substr(0, 100) << (line.never_indexed ? " (never)" : "");
}

// Plays the peer of one connection.
class Peer {
 public:
  Peer() { nghttp2_hd_inflate_new(&inflater_); }
  ~Peer() { nghttp2_hd_inflate_del(inflater_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::vector<Line> read(std::string_view block) {
    std::vector<Line> lines;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      const auto taken = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (taken < 0) {
        ADD_FAILURE() << nghttp2_strerror(static_cast<int>(taken));
        return lines;
      }
      at += taken;
      left -= static_cast<std::size_t>(taken);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        lines.push_back({std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                         std::string(reinterpret_cast<char*>(nv.value), nv.valuelen),
                         (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return lines;
  }
  std::size_t entries() const {
    return nghttp2_hd_inflate_get_num_table_entries(inflater_) - kStaticEntries;
  }
  // Applies what its SETTINGS say; the caller writes the block that begins with the update.
  void resize(std::size_t bytes) { nghttp2_hd_inflate_change_table_size(inflater_, bytes); }

 private:
  static constexpr std::size_t kStaticEntries = 61;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

std::vector<Line> read(std::string_view block) {
  Peer peer;
  const auto lines = peer.read(block);
  EXPECT_EQ(peer.entries(), 0u) << "nothing is put into the table";
  return lines;
}

class Written {
 public:
  explicit Written(std::size_t room = 32 * 1024) : room_(room), out(room_) {}
  std::vector<Line> lines() const { return read(out.block()); }

 private:
  std::vector<char> room_;

 public:
  HpackWriter out;
};

TEST(HpackWriter, EveryStatusIsRead) {
  for (int code = 100; code < 1000; ++code) {
    Written written;
    written.out.status(code);
    EXPECT_EQ(written.lines(), (std::vector<Line>{{":status", std::to_string(code)}}));
  }
}

TEST(HpackWriter, NamesBecomeSmallAndValuesStay) {
  Written written;
  written.out.field("X-Shop", "Blue Shoes");
  written.out.field("ETag", "\"AbC\"");
  written.out.field("x", "");
  EXPECT_EQ(written.lines(),
            (std::vector<Line>{{"x-shop", "Blue Shoes"}, {"etag", "\"AbC\""}, {"x", ""}}));
}

TEST(HpackWriter, NamesOfTheStaticTableAreRightAndTakeTwoBytes) {
  for (const std::string name :
       {"date", "etag", "vary", "link", "server", "expires", "location", "content-type",
        "cache-control", "last-modified", "accept-ranges", "content-length", "content-encoding",
        "www-authenticate", "strict-transport-security", "access-control-allow-origin"}) {
    Written written;
    written.out.field(name, "v");
    EXPECT_EQ(written.lines(), (std::vector<Line>{{name, "v"}}));
    EXPECT_EQ(written.out.block().size(), 4u) << name << ": two for the name, two for the value";
  }
}

TEST(HpackWriter, NamesAsLongAsThoseAreNotTakenForThem) {
  for (const std::size_t length : {4, 6, 7, 8, 10, 12, 13, 14, 16, 25, 27}) {
    Written written;
    written.out.field(std::string(length, 'q'), "v");
    EXPECT_EQ(written.lines(), (std::vector<Line>{{std::string(length, 'q'), "v"}}));
  }
}

TEST(HpackWriter, ACookieIsMarkedForNoTableAnywhere) {
  Written written;
  written.out.field("Set-Cookie", "session=secret");
  written.out.field("Server", "x");
  EXPECT_EQ(written.lines(),
            (std::vector<Line>{{"set-cookie", "session=secret", true}, {"server", "x", false}}));
}

TEST(HpackWriter, LengthsAtTheEdgesOfTheirEncoding) {
  for (const std::size_t length : {1, 126, 127, 128, 254, 255, 256, 16'383, 16'384, 20'000}) {
    Written written(2 * length + 64);
    written.out.field(std::string(length, 'n'), std::string(length, 'v'));
    EXPECT_EQ(written.lines(),
              (std::vector<Line>{{std::string(length, 'n'), std::string(length, 'v')}}));
  }
}

TEST(HpackWriter, ALengthIsANumber) {
  Written written;
  written.out.content_length(0);
  written.out.content_length(18'446'744'073'709'551'615U);
  EXPECT_EQ(written.lines(), (std::vector<Line>{{"content-length", "0"},
                                                {"content-length", "18446744073709551615"}}));
}

TEST(HpackWriter, WhatDoesNotFitIsLeftOutWholeAndSaid) {
  Written written(120);
  written.out.status(200);
  written.out.field("a", "1");
  EXPECT_FALSE(written.out.overflow());
  written.out.field("b", std::string(120, 'x'));
  written.out.field("c", "3");
  EXPECT_TRUE(written.out.overflow());
  EXPECT_EQ(written.lines(), (std::vector<Line>{{":status", "200"}, {"a", "1"}}));
}

// --- with the peer's table --------------------------------------------------------------------

class HpackConversation : public ::testing::Test {
 protected:
  // Sends a block, checks that it is read as it was meant, and tells its size.
  std::size_t say(const std::vector<Line>& lines, const std::string& update = "") {
    std::vector<char> room(64 * 1024);
    HpackWriter out(room, &table);
    for (const Line& line : lines) out.field(line.name, line.value);
    EXPECT_FALSE(out.overflow());
    EXPECT_EQ(peer.read(update + std::string(out.block())), lines);
    return out.block().size();
  }
  // Encodes RFC 7541 6.3 for sizes of less than 4096 + 31: two digits behind the prefix at most.
  std::string resize(std::size_t bytes) {
    peer.resize(bytes);
    table.resize(bytes);
    if (bytes < 31) return std::string(1, static_cast<char>(0x20 | bytes));
    const std::size_t rest = bytes - 31;
    if (rest < 128) return {'\x3f', static_cast<char>(rest)};
    return {'\x3f', static_cast<char>(rest % 128 + 128), static_cast<char>(rest / 128)};
  }

  HpackTable table;
  Peer peer;
};

TEST_F(HpackConversation, WhatComesAgainIsAByteFromTheThirdTimeOn) {
  const std::vector<Line> lines = {{"x-shop", "blue shoes"}};
  EXPECT_EQ(say(lines), 19u);
  EXPECT_EQ(peer.entries(), 0u);
  EXPECT_EQ(say(lines), 19u);
  EXPECT_EQ(peer.entries(), 1u);
  EXPECT_EQ(say(lines), 1u);
  EXPECT_EQ(say(lines), 1u);
  EXPECT_EQ(peer.entries(), 1u);
}

TEST_F(HpackConversation, TheNumbersMoveWithEachInsertion) {
  std::vector<Line> lines;
  for (int i = 0; i < 10; ++i) {
    lines.push_back({"x-" + std::to_string(i), "value"});
    for (int times = 0; times < 3; ++times) say(lines);
  }
  EXPECT_EQ(peer.entries(), 10u);
  EXPECT_EQ(say(lines), 10u);
}

TEST_F(HpackConversation, AnotherValueOrNameIsAnotherField) {
  for (int i = 0; i < 3; ++i) say({{"name", "value"}});
  EXPECT_GT(say({{"name", "other"}}), 1u);
  EXPECT_GT(say({{"eman", "value"}}), 1u);
  EXPECT_GT(say({{"namev", "alue"}}), 1u);
  EXPECT_EQ(say({{"name", "value"}}), 1u);
}

TEST_F(HpackConversation, WhatNeverRepeatsPushesNothingOut) {
  for (int i = 0; i < 3; ++i) say({{"server", "nginx"}});
  for (int i = 0; i < 1000; ++i) say({{"x-request-id", std::to_string(i)}});
  EXPECT_EQ(peer.entries(), 1u);
  EXPECT_EQ(say({{"server", "nginx"}}), 1u);
}

TEST_F(HpackConversation, CookiesAreNeverInTheTable) {
  for (int i = 0; i < 5; ++i) say({{"set-cookie", "session=secret", true}});
  EXPECT_EQ(peer.entries(), 0u);
}

TEST_F(HpackConversation, WhatTellsOfOneResourceIsLeftOutside) {
  for (int i = 0; i < 5; ++i)
    say({{"etag", "1"}, {"content-length", "1"}, {"location", "/1"}, {"age", "1"}});
  EXPECT_EQ(peer.entries(), 0u);
}

TEST_F(HpackConversation, AFieldOfHalfATableStaysOutsideIt) {
  for (int i = 0; i < 5; ++i) say({{"x-policy", std::string(2'100, 'p')}});
  EXPECT_EQ(peer.entries(), 0u);
  for (int i = 0; i < 5; ++i) say({{"x-policy", std::string(1'900, 'p')}});
  EXPECT_EQ(peer.entries(), 1u);
}

TEST_F(HpackConversation, WhatThePeerHasPushedOutIsSentAgain) {
  const std::vector<Line> first = {{"x-first", std::string(900, 'f')}};
  for (int i = 0; i < 3; ++i) say(first);
  EXPECT_LT(say(first), 3u);
  for (char c = 'a'; c < 'f'; ++c)
    for (int i = 0; i < 2; ++i) say({{"x-other", std::string(900, c)}});
  EXPECT_GT(say(first), 900u);
}

TEST_F(HpackConversation, ATableThatShrinksForgetsTheOldestFirst) {
  const std::string value(65, 'v');  // 100 bytes of the table with a name of three
  for (int i = 0; i < 3; ++i) say({{"x-a", value}, {"x-b", value}, {"x-c", value}});
  EXPECT_EQ(say({{"x-c", value}}, resize(200)), 1u);
  EXPECT_EQ(say({{"x-b", value}}), 1u);
  EXPECT_GT(say({{"x-a", value}}), 1u);
}

TEST_F(HpackConversation, ATableThatWasGoneIsEmptyWhenItIsBack) {
  for (int i = 0; i < 3; ++i) say({{"x-a", "1"}});
  const std::string gone = resize(0);
  EXPECT_GT(say({{"x-a", "1"}}, gone + resize(4096)), 1u);
  for (int i = 0; i < 2; ++i) say({{"x-a", "1"}});
  EXPECT_EQ(say({{"x-a", "1"}}), 1u);
}

TEST_F(HpackConversation, ThePeerReadsWhateverIsSaid) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return random() % n; };
  std::vector<Line> pool;
  for (std::size_t i = 0; i < 90; ++i) {
    const std::size_t most = i % 10 == 0 ? 2'500 : 120;
    pool.push_back(
        {"x-" + std::to_string(i % 60), std::string(below(most), 'v') + std::to_string(i)});
  }
  pool.push_back({"server", "nginx"});
  pool.push_back({"x", ""});
  for (int block = 0; block < 20'000 && !HasFailure(); ++block) {
    std::string update;
    if (below(200) == 0) update = resize(below(3) == 0 ? 4'096 : below(4'097));
    std::vector<Line> lines;
    // Most of the fields are the same few.
    for (std::size_t n = below(15); n > 0; --n)
      lines.push_back(pool[below(4) == 0 ? below(pool.size()) : below(12)]);
    say(lines, update);
  }
}

}  // namespace
}  // namespace cutwater::http
