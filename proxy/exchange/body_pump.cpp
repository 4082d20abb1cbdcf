#include "proxy/exchange/body_pump.hpp"

#include <algorithm>
#include <utility>

namespace cutwater::exchange {

using http::BodyChunk;
using net::Flow;

// Both pumps give the loop a turn after each chunk that did not have to wait for anything: two
// sides that are always ready must not keep a worker to themselves. This is also faster: to push a
// whole MiB through in one go costs a third more CPU than to go round the connections, because the
// kernel's buffers then no longer fit the cache (bench: 1 MiB response).

Task<void> pump_upload(http::DownstreamStream& from, http::UpstreamStream& to, net::EventLoop& loop,
                       UploadState& state) {
  bool waited = true;
  for (bool end = false; !end && !state.stop;) {
    if (!std::exchange(waited, false)) {
      co_await loop.yield();
      if (state.stop) break;
    }
    BodyChunk chunk;
    const auto ready = from.try_read_body(chunk);
    if (ready && *ready == Flow::Blocked) {
      waited = true;
      const TimePoint waiting = Clock::now();
      const auto read = co_await from.read_body();
      state.blocked_by_client += Clock::now() - waiting;
      if (!read) {
        state.error = read.error();
        break;
      }
      chunk = *read;
    } else if (!ready) {
      state.error = ready.error();
      break;
    }
    end = chunk.end_stream;
    const auto sent = to.write_body(chunk);
    if (!sent) {
      state.error = sent.error();
      break;
    }
    if (*sent == Flow::Blocked) {
      waited = true;
      const auto flushed = co_await to.flush();
      if (!flushed) {
        state.error = flushed.error();
        break;
      }
    }
  }
  state.done = true;
  state.finished = Clock::now();
  // Without its request body the upstream will never answer. (The exchange itself cancels a pump,
  // and an upstream failure shows itself to the reader of the head.)
  if (state.error && state.error->side == Side::Downstream && state.error->code != Errc::Cancelled)
    to.cancel();
}

Task<DownloadResult> pump_download(http::UpstreamStream& from, http::DownstreamStream& to,
                                   net::EventLoop& loop, Patience patience) {
  DownloadResult result;
  bool waited = true;
  for (bool end = false; !end;) {
    if (!std::exchange(waited, false)) co_await loop.yield();
    BodyChunk chunk;
    const auto ready = from.try_read_body(chunk);
    if (!ready) {
      result.error = ready.error();
      break;
    }
    if (*ready == Flow::Blocked) {
      waited = true;
      const TimePoint deadline = std::min(loop.now() + patience.idle, patience.until);
      const auto read = co_await from.read_body(deadline);
      if (!read) {
        result.error = read.error();
        break;
      }
      chunk = *read;
    }
    end = chunk.end_stream;
    result.trailers = chunk.trailers;
    const auto sent = to.write_body(chunk);
    if (!sent) {
      result.error = sent.error();
      break;
    }
    if (*sent == Flow::Blocked) {
      waited = true;
      const TimePoint blocked = Clock::now();
      const auto flushed = co_await to.flush();
      result.blocked_by_client += Clock::now() - blocked;
      if (!flushed) {
        result.error = flushed.error();
        break;
      }
    }
  }
  co_return result;
}

Task<DownloadResult> run_tunnel(http::DownstreamStream& downstream, http::UpstreamStream& upstream,
                                net::EventLoop& loop, Nanoseconds idle) {
  downstream.become_tunnel(idle);
  upstream.become_tunnel(idle);
  UploadState upload;
  Child up;
  up.start(pump_upload(downstream, upstream, loop, upload));
  const Patience patience(idle);
  DownloadResult download = co_await pump_download(upstream, downstream, loop, patience);
  // The client may finish first and still be answered; once the server has finished, the tunnel is
  // over.
  upload.stop = true;
  downstream.cancel_read();
  upstream.cancel_write();
  co_await up.join();
  if (upload.error && upload.error->side == Side::Downstream &&
      upload.error->code != Errc::Cancelled)
    download.error = upload.error;
  // Both sides were silent for as long as a tunnel may be, which is a normal end.
  if (download.error && download.error->code == Errc::Timeout) download.error.reset();
  co_return download;
}

}  // namespace cutwater::exchange
