// Feeds Cookie and Cache-Control: our own cookie is taken out and nothing else, no bytes but our
// own are a valid cookie, and one word is enough to keep an answer from being kept for all. The
// first line is a Cookie value, the rest is a Cache-Control value.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "fuzz_check.hpp"
#include "proxy/http/caching.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/routing/cookie_header.hpp"
#include "proxy/routing/sticky_cookie.hpp"

using namespace cutwater;
using namespace cutwater::http;

namespace {

constexpr std::string_view kOwn = "cw";

std::vector<std::string> pairs_of(std::string_view cookies) {
  std::vector<std::string> pairs;
  while (const auto pair = routing::next_cookie(cookies))
    if (pair->name != kOwn)
      pairs.push_back(std::string(pair->name) + "=" + std::string(pair->value));
  return pairs;
}

// Such values do not come out of the parser of heads.
bool is_value(std::string_view text) {
  if (text.empty()) return true;
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos && text.front() != ' ' &&
         text.front() != '\t' && text.back() != ' ' && text.back() != '\t';
}

void check_taken_out(std::string_view cookies) {
  std::vector<char> room(cookies.size() + 64);
  HeadWriter out(room);
  const bool written = write_cookie_field({"Cookie", cookies, FieldId::Cookie}, kOwn, out);
  fuzz::check(!out.overflow(), "never grows");
  fuzz::check(written == (out.size() > 0), "says whether something is left");
  std::string_view text = out.text();
  if (!written) return fuzz::check(pairs_of(cookies).empty(), "nobody's cookie is lost");
  fuzz::check(text.starts_with("Cookie: ") && text.ends_with("\r\n"), "one field");
  text = text.substr(8, text.size() - 10);
  fuzz::check(pairs_of(text) == pairs_of(cookies), "the other cookies stay");
  std::string_view rest = text;
  while (const auto pair = routing::next_cookie(rest))
    fuzz::check(pair->name != kOwn, "ours is gone");
}

void check_signature(std::string_view value) {
  const routing::CookieSigner signer(routing::service_key("secret", "shop"));
  if (const auto id = signer.verify(value)) {
    const routing::CookieValue ours = signer.value(*id);
    fuzz::check(value == std::string_view(ours.data(), ours.size()),
                "each cookie has one spelling");
  }
  routing::CookieId id{};
  std::copy_n(value.begin(), std::min(value.size(), id.size()), id.begin());
  const routing::CookieValue ours = signer.value(id);
  fuzz::check(signer.verify({ours.data(), ours.size()}) == id, "what is signed is valid");
}

void check_caching(std::string_view control) {
  ResponseHead head;
  head.fields.push_back({"Cache-Control", control, FieldId::CacheControl});
  static_cast<void>(may_be_kept_for_all(head));
  for (const char* word : {"private", "No-Store"}) {
    ResponseHead more = head;
    more.fields.push_back({"cache-control", word, FieldId::CacheControl});
    fuzz::check(!may_be_kept_for_all(more), "one word forbids it");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::size_t end = std::min(input.find('\n'), size);
  const std::string_view cookies = input.substr(0, end);
  if (is_value(cookies)) check_taken_out(cookies);
  check_signature(cookies);
  check_caching(input.substr(std::min(end + 1, size)));
  return 0;
}
