// Moves a body from one side to the other, one chunk at a time: the next chunk is read only when
// the last one has left. That is all the backpressure there is, and all the memory it takes.
#pragma once

#include <optional>

#include "proxy/http/stream.hpp"

namespace cutwater::exchange {

// How the upload went, for the exchange that runs beside it.
struct UploadState {
  bool done = false;
  std::optional<Error> error;
  TimePoint finished{};
  Nanoseconds blocked_by_client{0};  // time spent waiting for the client's bytes
  bool stop = false;                 // set by the exchange: go no further
};

// Request body, downstream to upstream. Ends at end of stream, on an error of either side, or when
// the exchange cancels. Wakes the reader of the response head only through the sockets: a failed
// client cancels the upstream.
Task<void> pump_upload(http::DownstreamStream& from, http::UpstreamStream& to, net::EventLoop& loop,
                       UploadState& state);

struct DownloadResult {
  std::optional<Error> error;        // whose fault: error->side
  Nanoseconds blocked_by_client{0};  // time the client kept us waiting: not the version's latency
  const http::FieldList* trailers = nullptr;  // as long as the upstream stream is ours
};
// How long a download may take: the longest silence, and the end of all patience.
struct Patience {
  Patience(Nanoseconds longest_silence, TimePoint end = TimePoint::max())
      : idle(longest_silence), until(end) {}
  Nanoseconds idle;
  TimePoint until;
};
// Response body, upstream to downstream, until end of stream.
Task<DownloadResult> pump_download(http::UpstreamStream& from, http::DownstreamStream& to,
                                   net::EventLoop& loop, Patience patience);

// Both directions raw, until the server has ended, either side failed, or nothing moved for `idle`.
Task<DownloadResult> run_tunnel(http::DownstreamStream& downstream, http::UpstreamStream& upstream,
                                net::EventLoop& loop, Nanoseconds idle);

}  // namespace cutwater::exchange
