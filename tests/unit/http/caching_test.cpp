// RFC 9111 5.2.2: which answers a shared cache may give to everybody.
#include "proxy/http/caching.hpp"

#include <gtest/gtest.h>

namespace cutwater::http {
namespace {

bool kept(std::initializer_list<std::string_view> cache_control, bool sets_cookie = false) {
  ResponseHead head;
  head.status = 200;
  for (const std::string_view value : cache_control)
    head.fields.push_back({"Cache-Control", value, FieldId::CacheControl});
  if (sets_cookie) head.fields.push_back({"Set-Cookie", "a=b", FieldId::SetCookie});
  return may_be_kept_for_all(head);
}

TEST(Caching, WhatIsForAllMayBeKeptForAll) {
  for (const std::string_view value :
       {"public", "PUBLIC", "public, max-age=3600", "max-age=1", "s-maxage=10", "s-maxage=0",
        "Max-Age=\"60\"", "must-revalidate ,\t max-age = 60", "private=\"X-User\", max-age=60",
        "no-cache=\"X-User, X-Other\", max-age=60", "public, no-cache", ", ,public"})
    EXPECT_TRUE(kept({value})) << value;
  EXPECT_TRUE(kept({"must-revalidate", "max-age=60"})) << "several fields are one list";
}

TEST(Caching, WhatIsForOneUserOrForNobodyMayNot) {
  for (const std::string_view value :
       {"", "private", "no-store", "no-cache", "max-age=0", "max-age=00", "max-age", "max-age=",
        "max-age=-1", "max-age=x", "public, private", "public, no-store", "max-age=60, no-cache",
        "Private, max-age=60", "x=\"public, max-age=60\"", "publicity", "x=\"a\\\", public\""})
    EXPECT_FALSE(kept({value})) << value;
  EXPECT_FALSE(kept({})) << "nothing is said";
  EXPECT_FALSE(kept({"public", "no-store"})) << "several fields are one list";
  EXPECT_FALSE(kept({"public"}, true)) << "it sets a cookie of its own";
}

}  // namespace
}  // namespace cutwater::http
