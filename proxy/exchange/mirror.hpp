// Sends shadow traffic: copies of requests go to another version, whose answers are thrown away.
// Under load the copies are the first thing to be dropped: a copy is made only when the client has
// its answer, only under the cap, and only if the whole request is still at hand (nothing is ever
// buffered for it). The results are counted on the mirror's own monitor. One worker owns it and is
// the only thread that uses it.
//
// The copy says what the request said, including Host, so that virtual hosts route alike.
// "X-Shadow: 1" marks the copy, and the proxy's own sticky cookie is taken out as in every
// forwarded request.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/exchange/pinned_snapshot.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/upstream/connection_pool.hpp"

namespace cutwater::exchange {

// Describes the request as the exchange has it; it is copied before offer() returns.
struct MirrorSource {
  Snapshot snapshot;
  const routing::ServiceSnapshot* service;
  const http::RequestHead* head;
  http::BodyChunk body;  // the part that came with the head
  http::ForwardInfo forward;
};

class MirrorSender {
 public:
  MirrorSender(net::EventLoop& loop, upstream::ConnectionPool& pool, net::BlockPool& blocks,
               unsigned worker);
  ~MirrorSender();
  MirrorSender(const MirrorSender&) = delete;
  MirrorSender& operator=(const MirrorSender&) = delete;

  // Draws, checks and, if all is well, starts a copy. Returns at the copy's first wait.
  void offer(MirrorSource source);

  // Starts no more copies; `idle` runs when the last copy has ended, or at once if there is none.
  // The pool cuts their waits short.
  void stop(std::function<void()> idle);
  bool idle() const { return under_way_ == 0; }

 private:
  struct Copy;

  std::unique_ptr<Copy> take_copy();
  bool fill(Copy& copy, const MirrorSource& source);
  Task<void> run(std::unique_ptr<Copy> copy);
  Task<stats::AttemptResult> attempt(Copy& copy);
  Task<Result<void>> send(Copy& copy, upstream::Lease& lease);
  Task<Result<int>> read_answer(Copy& copy, upstream::Lease& lease, bool& timed);

  net::EventLoop& loop_;
  upstream::ConnectionPool& pool_;
  net::BlockPool& blocks_;
  const unsigned worker_;
  std::vector<std::unique_ptr<Copy>> free_;
  std::size_t under_way_ = 0;
  bool stopping_ = false;
  std::function<void()> idle_;
};

}  // namespace cutwater::exchange
