// Measures what the codec costs per request: heads in, heads out, chunks. It uses no sockets.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <string>

#include "proxy/http/h1/chunked.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/header_rules.hpp"
#include "proxy/http/target.hpp"

namespace cutwater::http {
namespace {

constexpr std::string_view kSmallRequest =
    "GET /bench HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n";

// This is what a browser sends to a shop.
constexpr std::string_view kBrowserRequest =
    "GET /shop/cart.html?item=42&color=blue HTTP/1.1\r\nHost: shop.example.com\r\n"
    "Connection: keep-alive\r\nsec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;"
    "q=0.9,image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n"
    "Referer: https://shop.example.com/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Cookie: session=0f8fad5bd9cb469fa16570867728950e; cw_shop=AAECAwQFBgcICQoLDA0ODw.c2ln; "
    "theme=dark\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 15:00:00 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\n"
    "Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\nConnection: keep-alive\r\n"
    "ETag: \"65f1c2d4-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

void parse_request(benchmark::State& state, std::string_view text) {
  RequestHead head;
  const HeadLimits limits;
  for (auto _ : state) {
    HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.parse_request(text, limits, head));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(parse_request, small, kSmallRequest);
BENCHMARK_CAPTURE(parse_request, browser, kBrowserRequest);

void parse_response(benchmark::State& state) {
  ResponseHead head;
  const HeadLimits limits;
  for (auto _ : state) {
    HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.parse_response(kResponse, limits, Method::Get, head));
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kResponse.size()));
}
BENCHMARK(parse_response);

void write_request(benchmark::State& state, std::string_view text) {
  RequestHead head;
  HeadScanner scanner;
  scanner.parse_request(text, {}, head);
  ForwardInfo info;
  info.peer_ip = "192.0.2.17";
  info.scheme = "https";
  info.request_id = "0f8fad5bd9cb469fa16570867728950e";
  info.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  info.target = head.target;
  info.drop_cookie = "cw_shop";
  std::array<char, 16384> room;
  for (auto _ : state) {
    HeadWriter out(room);
    write_upstream_request(head, info, out);
    benchmark::DoNotOptimize(out.size());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_request, small, kSmallRequest);
BENCHMARK_CAPTURE(write_request, browser, kBrowserRequest);

void write_response(benchmark::State& state) {
  ResponseHead head;
  HeadScanner scanner;
  scanner.parse_response(kResponse, {}, Method::Get, head);
  ResponseExtras extras;
  extras.version_header = "X-Cutwater-Version";
  extras.version = "green";
  extras.request_id = "0f8fad5bd9cb469fa16570867728950e";
  std::array<char, 16384> room;
  for (auto _ : state) {
    HeadWriter out(room);
    write_downstream_response(head, extras, out);
    benchmark::DoNotOptimize(out.size());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(write_response);

void normalise(benchmark::State& state, std::string_view target) {
  std::array<char, 256> scratch;
  for (auto _ : state) benchmark::DoNotOptimize(normalise_target(target, scratch));
}
BENCHMARK_CAPTURE(normalise, nothing_to_do, "/shop/cart.html?item=42&color=blue");
BENCHMARK_CAPTURE(normalise, dots, "/shop/../%61dmin/./x?item=42");

// Decodes a body in chunks of the given size, read 16 KiB at a time. The copy of the input is
// timed, too.
void decode_chunks(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::array<char, 24> header{};
  std::string body;
  while (body.size() + size + 32 < 16384) {
    body += format_chunk_header(size, header);
    body.append(size, 'x').append("\r\n");
  }
  body += "0\r\n\r\n";
  std::string buffer = body;
  for (auto _ : state) {
    std::memcpy(buffer.data(), body.data(), body.size());
    ChunkDecoder decoder;
    benchmark::DoNotOptimize(decoder.decode(buffer));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(decode_chunks)->Arg(16)->Arg(1024)->Arg(16000);

}  // namespace
}  // namespace cutwater::http
