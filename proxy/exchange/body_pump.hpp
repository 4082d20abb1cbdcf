// Moves a body from one side to the other, one chunk at a time: the next chunk is read only when
// the last one has left. This rule provides all the backpressure, and it bounds the memory to one
// chunk.
#pragma once

#include <optional>

#include "proxy/http/stream.hpp"

namespace cutwater::exchange {

// Tells the exchange that runs beside the upload how the upload went.
struct UploadState {
  bool done = false;
  std::optional<Error> error;
  TimePoint finished{};
  Nanoseconds blocked_by_client{0};  // time spent waiting for the client's bytes
  bool stop = false;                 // set by the exchange to stop the upload
};

// Pumps the request body, downstream to upstream. The pump ends at end of stream, on an error of
// either side, or when the exchange cancels. It wakes the reader of the response head only through
// the sockets: a failed client cancels the upstream.
Task<void> pump_upload(http::DownstreamStream& from, http::UpstreamStream& to, net::EventLoop& loop,
                       UploadState& state);

struct DownloadResult {
  std::optional<Error> error;        // error->side says whose fault it is
  Nanoseconds blocked_by_client{0};  // time the client kept us waiting; it does not count as the
                                     // version's latency
  const http::FieldList* trailers = nullptr;  // valid as long as the upstream stream is ours
};
// Says how long a download may take: the longest silence, and the time by which it must be over.
struct Patience {
  Patience(Nanoseconds longest_silence, TimePoint end = TimePoint::max())
      : idle(longest_silence), until(end) {}
  Nanoseconds idle;
  TimePoint until;
};
// Pumps the response body, upstream to downstream, until end of stream.
Task<DownloadResult> pump_download(http::UpstreamStream& from, http::DownstreamStream& to,
                                   net::EventLoop& loop, Patience patience);

// Pumps raw bytes in both directions, until the server has ended, either side failed, or nothing
// moved for `idle`.
Task<DownloadResult> run_tunnel(http::DownstreamStream& downstream, http::UpstreamStream& upstream,
                                net::EventLoop& loop, Nanoseconds idle);

}  // namespace cutwater::exchange
