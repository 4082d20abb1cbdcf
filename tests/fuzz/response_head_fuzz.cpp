// Feeds response heads: read as a whole and byte by byte they must agree, and whatever is accepted
// must reach the client as exactly one response framed the way the proxy will frame it; and over
// HTTP/2 as a header block with the same fields.
#include <nghttp2/nghttp2.h>

#include <array>
#include <memory>
#include <vector>

#include "fuzz_check.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/h2/hpack_writer.hpp"
#include "proxy/http/header_rules.hpp"
#include "proxy/http/response_fields.hpp"

using namespace cutwater;
using namespace cutwater::http;
using Kind = ParseState::Kind;

namespace {

constexpr std::array<Method, 3> kMethods = {Method::Get, Method::Head, Method::Post};

void check_written(const ResponseHead& head, Method method) {
  std::vector<char> room(8192);
  HeadWriter out(room);
  ResponseExtras extras;
  extras.chunked = head.framing == Framing::Chunked || head.framing == Framing::UntilClose;
  extras.set_cookie = "cw=1";
  extras.version_header = "X-Version";
  extras.version = "green";
  extras.request_id = "id";
  if (head.status < 200 && head.status != 101) {
    write_informational(head, out);
  } else {
    write_downstream_response(head, extras, out);
  }
  fuzz::check(!out.overflow(), "head fits");
  auto again = std::make_unique<ResponseHead>();
  HeadScanner scanner;
  HeadLimits limits;
  limits.fields = 200;
  const ParseState state = scanner.parse_response(out.text(), limits, method, *again);
  fuzz::check(state.kind == Kind::Complete, "written head is accepted");
  fuzz::check(state.head_bytes == out.size(), "one response and nothing behind it");
  fuzz::check(again->status == head.status, "same status");
  fuzz::check(again->framing == (extras.chunked ? Framing::Chunked : head.framing), "our framing");
  fuzz::check(again->content_length == head.content_length, "same length");
  fuzz::check(again->upgrade == head.upgrade, "same upgrade");
}

void check_block(const ResponseHead& head, HpackTable& table, nghttp2_hd_inflater* inflater) {
  std::vector<char> room(8192);
  HpackWriter out(room, &table);
  out.status(head.status);
  write_end_to_end(head, out);
  fuzz::check(!out.overflow(), "block fits");
  const auto* at = reinterpret_cast<const std::uint8_t*>(out.block().data());
  std::size_t left = out.block().size();
  const Field* field = head.fields.begin();
  for (bool first = true;; first = false) {
    nghttp2_nv nv;
    int flags = 0;
    const auto taken = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, at, left, 1);
    fuzz::check(taken >= 0, "nghttp2 reads it");
    at += taken;
    left -= static_cast<std::size_t>(taken);
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    fuzz::check((flags & NGHTTP2_HD_INFLATE_EMIT) != 0, "a field");
    if (first) continue;  // :status
    while (field != head.fields.end() && !may_pass(*field, head)) ++field;
    fuzz::check(field != head.fields.end(), "no more fields than the head has");
    const std::string_view name(reinterpret_cast<const char*>(nv.name), nv.namelen);
    const std::string_view value(reinterpret_cast<const char*>(nv.value), nv.valuelen);
    fuzz::check(iequals(name, field->name) && value == field->value, "the same field");
    fuzz::check(nghttp2_check_header_name(nv.name, nv.namelen) != 0, "a small name");
    ++field;
  }
  while (field != head.fields.end() && !may_pass(*field, head)) ++field;
  fuzz::check(field == head.fields.end(), "no fewer");
  nghttp2_hd_inflate_end_headers(inflater);
}

// Checks that the room of most_bytes() is enough, with all that we add.
void check_bound(const ResponseHead& head) {
  ResponseExtras extras;
  extras.set_cookie = "cw=1";
  extras.version_header = "X-Version";
  extras.version = "green";
  extras.request_id = "id";
  extras.date = "today";
  std::vector<char> room(HpackWriter::most({}, {}) + most_bytes(head, extras, &HpackWriter::most));
  HpackWriter out(room);
  out.status(head.status);
  write_end_to_end(head, extras, out);
  write_length(head, out);
  fuzz::check(!out.overflow(), "most_bytes() is enough");
}

// Writes three answers on one connection: the fields of the second are put into the table, those of
// the third are in it.
void check_blocks(const ResponseHead& head) {
  nghttp2_hd_inflater* made = nullptr;
  nghttp2_hd_inflate_new(&made);
  const std::unique_ptr<nghttp2_hd_inflater, decltype(&nghttp2_hd_inflate_del)> inflater(
      made, &nghttp2_hd_inflate_del);
  HpackTable table;
  for (int i = 0; i < 3; ++i) check_block(head, table, inflater.get());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Method method = kMethods[data[0] % kMethods.size()];
  const std::string_view input = fuzz::as_text(data + 1, size - 1);
  HeadLimits limits;
  limits.head_bytes = 1024;
  limits.fields = 20;
  limits.target_bytes = 200;
  auto whole = std::make_unique<ResponseHead>();
  auto pieces = std::make_unique<ResponseHead>();
  HeadScanner scanner;
  const ParseState verdict = scanner.parse_response(input, limits, method, *whole);
  HeadScanner slow;
  ParseState last;
  for (std::size_t i = 1; i <= input.size() && last.kind == Kind::NeedMore; ++i)
    last = slow.parse_response(input.substr(0, i), limits, method, *pieces);
  fuzz::check(last.kind == verdict.kind && last.bad == verdict.bad, "same verdict byte by byte");
  if (verdict.kind != Kind::Complete) return 0;
  fuzz::check(last.head_bytes == verdict.head_bytes, "same length byte by byte");
  fuzz::check(whole->framing == pieces->framing && whole->keep_alive == pieces->keep_alive &&
                  whole->content_length == pieces->content_length &&
                  whole->fields.size() == pieces->fields.size(),
              "same head byte by byte");
  for (const Field& field : whole->fields)
    fuzz::check(fuzz::within(field.name, input) && fuzz::within(field.value, input), "in buffer");
  check_written(*whole, method);
  check_bound(*whole);
  check_blocks(*whole);
  return 0;
}
