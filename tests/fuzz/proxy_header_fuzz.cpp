// Feeds any bytes to the PROXY header parser, as a whole and at every cut; what it accepts is
// inside the limits and, when we write it, reads back the same.
#include <vector>

#include "proxy/net/proxy_protocol.hpp"
#include "tests/fuzz/fuzz_check.hpp"

using cutwater::fuzz::check;
using cutwater::net::ProxyHeader;
using State = ProxyHeader::State;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace net = cutwater::net;
  if (size > net::kMostProxyHeader + 16) return 0;
  const std::span<const char> all(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = net::parse_proxy_header(all);

  // The first verdict on a prefix is the verdict.
  ProxyHeader cut;
  for (std::size_t part = 0; part <= size && cut.state == State::NeedMore; ++part) {
    // A copy of exactly this size lets the sanitizer see reading beyond it.
    const std::vector<char> bytes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(part));
    cut = net::parse_proxy_header(bytes);
    if (cut.state == State::Complete) check(cut.bytes == part, "cut.bytes == part");
  }
  check(cut.state == whole.state, "cut.state == whole.state");
  check(cut.error == whole.error, "cut.error == whole.error");
  check(cut.addresses == whole.addresses, "cut.addresses == whole.addresses");

  if (whole.state != State::Complete || !whole.has_addresses) return 0;
  check(whole.bytes <= net::kMostProxyHeader, "whole.bytes <= net::kMostProxyHeader");
  std::array<char, net::kLongestWrittenProxyHeader> out;
  const std::size_t written = net::write_proxy_header(whole.addresses, out);
  const ProxyHeader again = net::parse_proxy_header(std::span<const char>(out).first(written));
  check(again.state == State::Complete && again.bytes == written,
        "again.state == State::Complete && again.bytes == written");
  check(again.addresses == whole.addresses, "again.addresses == whole.addresses");
  return 0;
}
