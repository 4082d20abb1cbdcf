// Reads `limits.http2`, and what a service says of gRPC.
#include "config/sections.hpp"

#include <algorithm>

#include "config/suggest.hpp"

namespace cutwater::config {

Http2Limits read_http2(const Fields& limits_fields) {
  Http2Limits limits;
  const Node* node = limits_fields.find("http2");
  if (!node) return limits;
  const Fields fields(limits_fields.report(), *node, section::kHttp2, "http2");
  if (!fields.usable()) return limits;
  const auto size = [&](std::string_view key, std::uint32_t& out, Range<std::uint64_t> range) {
    std::uint64_t value = 0;
    if (fields.read_size(key, value, range)) out = static_cast<std::uint32_t>(value);
  };
  const auto count = [&](std::string_view key, std::uint32_t& out, Range<std::uint64_t> range) {
    std::uint64_t value = 0;
    if (fields.read_count(key, value, range)) out = static_cast<std::uint32_t>(value);
  };
  constexpr std::uint64_t kLargestWindow = 0x7fffffff;  // RFC 9113 6.9.1
  constexpr std::uint64_t kPlenty = 1'000'000'000;
  count("max_streams", limits.max_streams, {1, 100'000});
  size("stream_window", limits.stream_window, {1024, kLargestWindow});
  size("connection_window", limits.connection_window, {65'535, kLargestWindow});
  size("header_list_bytes", limits.header_list_bytes, {4096, 16 * 1024 * 1024});
  count("continuations", limits.continuations, {0, 1000});
  count("empty_frames", limits.empty_frames, {0, 100'000});
  count("client_resets", limits.client_resets, {1, kPlenty});
  count("client_resets_per_second", limits.client_resets_per_second, {1, kPlenty});
  count("server_resets", limits.server_resets, {1, kPlenty});
  count("pings", limits.pings, {1, kPlenty});
  count("other_frames", limits.other_frames, {1, kPlenty});
  count("queued_frames", limits.queued_frames, {10, 100'000});
  return limits;
}

Grpc read_grpc(const Fields& service_fields) {
  Grpc grpc;
  const Node* node = service_fields.find("grpc");
  if (!node) return grpc;
  Report& report = service_fields.report();
  const Fields fields(report, *node, section::kGrpc, "grpc");
  if (!fields.usable()) return grpc;
  const Node* codes = fields.find("error_codes");
  if (!codes) return grpc;
  grpc.error_codes = 0;
  const std::vector<std::string_view> names(std::begin(kGrpcCodes), std::end(kGrpcCodes));
  for (const NodePtr& item : read_list(report, *codes, "error_codes", "gRPC status codes")) {
    const auto name = read_text(report, *item, "error_codes", "a gRPC status code");
    if (!name) continue;
    const auto found = std::find(names.begin(), names.end(), *name);
    const std::string meant = found == names.end() ? suggestion(*name, names) : std::string();
    if (found == names.end() || found == names.begin())
      report.add(item->place, "`error_codes` has " + quoted(*name) +
                                  ": expected a code such as UNAVAILABLE, and not OK" + meant);
    else
      grpc.error_codes |= 1U << (found - names.begin());
  }
  return grpc;
}

}  // namespace cutwater::config
