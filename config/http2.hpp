// Says what one HTTP/2 connection may ask for: `limits.http2`. They are values whose initialisers
// are the defaults. A budget is a bucket: it holds so many at once and refills at a fixed rate. A
// connection that exceeds it is told ENHANCE_YOUR_CALM and closed. The sources are RFC 9113 10.5;
// CVE-2023-44487 (rapid reset), CVE-2025-8671 (MadeYouReset), CVE-2024-28182 (CONTINUATION),
// CVE-2019-9511..9518.
#pragma once

#include <cstdint>

namespace cutwater::config {

struct Http2Limits {
  std::uint32_t max_streams = 100;              // at once; a stream beyond it gets REFUSED_STREAM
  std::uint32_t stream_window = 65'535;         // bytes of request body, per stream
  std::uint32_t connection_window = 1 << 20;    // and per connection
  std::uint32_t header_list_bytes = 64 * 1024;  // decoded, plus 32 per field; a longer list ends
                                                // the connection
  std::uint32_t continuations = 8;              // frames of one header block
  std::uint32_t empty_frames = 10;              // DATA without content, in a row
  std::uint32_t client_resets = 200;            // streams the client takes back: at once,
  std::uint32_t client_resets_per_second = 33;  // and for ever
  std::uint32_t server_resets = 100;            // streams it makes us reset, in 10 s
  std::uint32_t pings = 100;                    // PING and SETTINGS, in 10 s
  std::uint32_t other_frames = 1000;            // PRIORITY, WINDOW_UPDATE, unknown ones, in 10 s
  std::uint32_t queued_frames = 1000;           // answers the client does not take
  friend bool operator==(const Http2Limits&, const Http2Limits&) = default;
};

// Says how a version's endpoints are spoken to.
enum class UpstreamProtocol : std::uint8_t { Http1, Http2 };

}  // namespace cutwater::config
