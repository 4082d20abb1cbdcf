// Feeds request heads: read as a whole and byte by byte they must agree, and whatever is accepted
// must be written to the upstream as exactly one request with the same framing.
#include <algorithm>
#include <memory>
#include <vector>

#include "fuzz_check.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/header_rules.hpp"
#include "proxy/http/target.hpp"

using namespace cutwater;
using namespace cutwater::http;
using Kind = ParseState::Kind;

namespace {

HeadLimits small_limits() {
  HeadLimits limits;
  limits.head_bytes = 1024;
  limits.fields = 20;
  limits.target_bytes = 200;
  return limits;
}

bool same(const RequestHead& a, const RequestHead& b) {
  return a.method_text == b.method_text && a.target == b.target && a.authority == b.authority &&
         a.framing == b.framing && a.content_length == b.content_length &&
         a.keep_alive == b.keep_alive && a.expect_continue == b.expect_continue &&
         a.upgrade == b.upgrade && a.fields.size() == b.fields.size();
}

void check_views(std::string_view input, const RequestHead& head) {
  for (const Field& field : head.fields) {
    fuzz::check(fuzz::within(field.name, input), "field name in buffer");
    fuzz::check(fuzz::within(field.value, input), "field value in buffer");
    fuzz::check(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
                "no line break in a value");
  }
  fuzz::check(head.target.find_first_of(" #\r\n\t") == std::string_view::npos, "clean target");
  fuzz::check(fuzz::within(head.authority, input), "authority in buffer");
}

void check_written(const RequestHead& head, bool trusted) {
  std::vector<char> scratch(head.target.size());
  const auto target = normalise_target(head.target, scratch);
  if (!target) return;
  ForwardInfo info;
  info.peer_ip = "192.0.2.1";
  info.scheme = "http";
  info.trusted_peer = trusted;
  info.request_id = "id";
  info.target = *target;
  info.drop_cookie = "cw";
  info.fallback_authority = "fallback:80";
  std::vector<char> room(8192);
  HeadWriter out(room);
  write_upstream_request(head, info, out);
  fuzz::check(!out.overflow(), "head fits");

  auto again = std::make_unique<RequestHead>();
  HeadScanner scanner;
  const std::string_view text = out.text();
  const ParseState state = scanner.parse_request(text, {}, *again);
  // One more hop is the one thing that we add and would not accept again.
  if (state.bad == BadHead::Loop) return;
  fuzz::check(state.kind == Kind::Complete, "written head is accepted");
  fuzz::check(state.head_bytes == text.size(), "one request and nothing behind it");
  fuzz::check(again->method_text == head.method_text, "same method");
  fuzz::check(again->target == *target, "same target");
  fuzz::check(head.authority.empty() || again->authority == head.authority, "same authority");
  fuzz::check(again->framing == head.framing, "same framing");
  fuzz::check(again->content_length == head.content_length, "same length");
  fuzz::check(again->upgrade == head.upgrade, "same upgrade");
  fuzz::check(again->expect_continue == head.expect_continue, "same expectation");
  fuzz::check(again->hops == head.hops + 1, "one hop more");
}

// What a stranger says of the client is taken away; then only we say such things.
void check_stranger(RequestHead head) {
  head.fields.keep_if([](const Field& field) { return !is_claim(field.id); });
  std::vector<char> room(8192);
  HeadWriter out(room);
  write_upstream_request(head, {.peer_ip = "192.0.2.1", .scheme = "http"}, out);
  RequestHead again;
  HeadScanner scanner;
  if (scanner.parse_request(out.text(), {}, again).kind != Kind::Complete) return;
  for (const Field& field : again.fields) {
    const bool ours = field.id == FieldId::XForwardedFor || field.id == FieldId::XForwardedProto ||
                      field.id == FieldId::XForwardedHost;
    fuzz::check(ours || !is_claim(field.id), "no claim of a stranger");
    fuzz::check(field.id != FieldId::XForwardedFor || field.value == "192.0.2.1", "the peer alone");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const HeadLimits limits = small_limits();
  auto whole = std::make_unique<RequestHead>();
  auto pieces = std::make_unique<RequestHead>();
  HeadScanner scanner;
  const ParseState verdict = scanner.parse_request(input, limits, *whole);

  HeadScanner slow;
  ParseState last;
  for (std::size_t i = 1; i <= size && last.kind == Kind::NeedMore; ++i)
    last = slow.parse_request(input.substr(0, i), limits, *pieces);
  fuzz::check(last.kind == verdict.kind, "same kind byte by byte");
  fuzz::check(last.bad == verdict.bad, "same reason byte by byte");
  if (verdict.kind == Kind::Bad) {
    fuzz::check(last.status == verdict.status, "same status byte by byte");
    fuzz::check(verdict.status >= 400 && verdict.status < 600, "an error status");
  }
  if (verdict.kind == Kind::NeedMore)
    fuzz::check(size <= limits.head_bytes, "nothing beyond the limit is waited for");
  if (verdict.kind != Kind::Complete) return 0;
  fuzz::check(last.head_bytes == verdict.head_bytes, "same length byte by byte");
  fuzz::check(same(*whole, *pieces), "same head byte by byte");
  check_views(input, *whole);
  check_written(*whole, false);
  check_written(*whole, true);
  check_stranger(*whole);
  return 0;
}
