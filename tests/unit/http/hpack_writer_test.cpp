// Header blocks of our own, read back by nghttp2: what we write is what anybody reads.
#include "proxy/http/hpack_writer.hpp"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <memory>
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

std::vector<Line> read(std::string_view block) {
  nghttp2_hd_inflater* made = nullptr;
  nghttp2_hd_inflate_new(&made);
  const std::unique_ptr<nghttp2_hd_inflater, decltype(&nghttp2_hd_inflate_del)> inflater(
      made, &nghttp2_hd_inflate_del);
  std::vector<Line> lines;
  const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    const auto taken = nghttp2_hd_inflate_hd2(inflater.get(), &nv, &flags, at, left, 1);
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
  EXPECT_EQ(nghttp2_hd_inflate_get_num_table_entries(inflater.get()), 61u)
      << "nothing is put into the table";
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

}  // namespace
}  // namespace cutwater::http
