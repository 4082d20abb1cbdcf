// Feeds chunked bodies: read as a whole, in place or not, and cut into pieces of any sizes, they
// must give the same body, the same trailers, the same end and the same refusal. The first byte is
// the seed of the piece sizes.
#include <algorithm>
#include <array>
#include <string>

#include "fuzz_check.hpp"
#include "proxy/http/h1/chunked.hpp"
#include "proxy/http/trailers.hpp"

using namespace cutwater;
using namespace cutwater::http;

namespace {

struct Decoded {
  std::string body;
  std::string trailers;  // as HTTP/1 writes them
  std::size_t consumed = 0;
  bool done = false;
  bool bad = false;
  bool operator==(const Decoded&) const = default;
};

// A `piece` of 0 feeds everything at once.
Decoded decode(std::string_view input, unsigned piece, bool in_place) {
  ChunkDecoder decoder;
  Decoded all;
  std::size_t at = 0;
  unsigned next = piece;
  while (at < input.size() && !all.done && !all.bad) {
    next = next * 1103515245U + 12345U;
    const std::size_t size = piece == 0 ? input.size() : 1 + (next >> 16) % piece;
    std::string buffer(input.substr(at, size));
    const std::string before = buffer;
    const auto out = in_place ? decoder.decode_in_place(buffer) : decoder.decode(buffer);
    fuzz::check(out.consumed <= buffer.size(), "consumed within the buffer");
    fuzz::check(out.body == 0 || out.offset + out.body <= out.consumed, "body within the consumed");
    fuzz::check(out.done || out.bad || out.consumed == buffer.size(), "all taken unless it ends");
    fuzz::check(buffer.substr(out.consumed) == before.substr(out.consumed), "rest untouched");
    all.body += buffer.substr(out.offset, out.body);
    all.consumed += out.consumed;
    all.done = out.done;
    all.bad = out.bad;
    at += buffer.size();
  }
  const FieldList* trailers = all.done ? decoder.trailers() : nullptr;
  if (trailers) {
    for (const Field& field : *trailers) {
      fuzz::check(may_trail(field) && !field.name.empty(), "only what may trail");
      fuzz::check(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
                  "no line break in a value");
    }
    append_trailers(*trailers, all.trailers);
  }
  return all;
}

// The same chunks written again in our own words decode to the same body and trailers.
void check_round_trip(const Decoded& all) {
  std::array<char, 24> room{};
  std::string text;
  if (!all.body.empty()) {
    text += format_chunk_header(all.body.size(), room);
    text += all.body + "\r\n";
  }
  text += "0\r\n" + (all.trailers.empty() ? "\r\n" : all.trailers);
  const Decoded again = decode(text, 0, true);
  fuzz::check(again.done && again.body == all.body && again.trailers == all.trailers &&
                  again.consumed == text.size(),
              "round trip");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input = fuzz::as_text(data + 1, size - 1);
  const Decoded whole = decode(input, 0, true);
  fuzz::check(whole == decode(input, 0, false), "same without moving");
  fuzz::check(whole == decode(input, 1, true), "same byte by byte");
  fuzz::check(whole == decode(input, 1 + data[0], true), "same in pieces");
  fuzz::check(whole == decode(input, 1 + data[0], false), "same in pieces without moving");
  fuzz::check(!(whole.done && whole.bad), "one verdict");
  if (whole.done) check_round_trip(whole);
  return 0;
}
