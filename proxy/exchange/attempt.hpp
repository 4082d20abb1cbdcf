// Tries a request once on one endpoint: takes a connection, sends the request and reads the head of
// the response. The exchange makes one attempt after another until a response goes to the client.
// An attempt lives inside one exchange.
#pragma once

#include <optional>

#include "proxy/exchange/body_pump.hpp"
#include "proxy/exchange/exchange_context.hpp"
#include "proxy/http/stream.hpp"

namespace cutwater::exchange {

// Says where the attempt goes, and what has to be told when it is over.
struct AttemptTarget {
  const routing::ServiceSnapshot* service;
  const routing::VersionSnapshot* version;
  const upstream::Endpoint* endpoint;
  std::uint32_t ticket;      // given by the version's monitor
  TimePoint head_due;        // for all attempts together
  bool deadline_is_whole;    // head_due is the caller's own deadline, for all of the call (gRPC)
  std::uint64_t client = 0;  // as in stats::AttemptResult
  bool judged = true;        // false if it says nothing about the version (guards.ignore)
};

// Says what a failure on an upstream counts as. `connected` is true if there was a connection to
// the upstream.
stats::Outcome outcome_of(const Error& error, bool connected);

class Attempt {
 public:
  Attempt(ExchangeContext& context, http::DownstreamStream& downstream, AttemptTarget target,
          TimePoint started);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  // Takes a pooled connection; if there is none, connect() makes one. When it returns false,
  // error() says why.
  bool try_reuse();
  Task<bool> connect();
  bool waited_for_connection() const { return waited_; }

  // `first` is the body that came with the head. What the socket does not take at once leaves in
  // await_head().
  void send(const http::ForwardInfo& info, http::BodyChunk first);
  // Passes interim responses on. Afterwards either head() or error() is set.
  Task<void> await_head();
  // A pooled connection that turns out to be stale, or that will not take this request, says
  // nothing about the version: connect() and send again, silently.
  bool may_send_again() const;
  const http::ResponseHead* head() const { return head_; }
  const std::optional<Error>& error() const { return error_; }
  // Returns the part of the body that came with the head; it is valid until the next read from
  // upstream().
  const http::BodyChunk& first_chunk() const { return first_chunk_; }
  http::UpstreamStream& upstream() { return *lease_; }

  bool client_failed() const { return error_ && error_->side == Side::Downstream; }
  // More of the request body than came with the head has been taken, so the request cannot be sent
  // again.
  bool body_consumed() const { return uploading_; }
  // Returns the status to answer when there is no response, or 0 if nobody is left to be answered.
  int status_for_client() const;

  // Tells how the response ended. `trailers` are the trailers of the response, if there were any.
  void complete(const http::FieldList* trailers = nullptr);
  void fail_response(Error error, http::DownstreamStream& downstream);
  void cut_short();       // ended by the proxy itself: charged to nobody
  void give_up_unused();  // nothing was sent: charged to nobody
  void add_client_delay(Nanoseconds delay) { client_delay_ += delay; }

  // Says whether this is a tunnel, an event stream or a gRPC stream, whose response may never end.
  bool is_endless() const { return endless_; }
  bool is_grpc() const { return grpc_; }
  // Stops counting as a request in flight on an unproven version.
  void leave_monitor() { target_.version->monitor->leave(target_.ticket); }

  // An upload that still runs when the response is over has no use: stop it, then call end().
  bool is_uploading() const { return upload_.running(); }
  Task<void> stop_upload();
  // Gives the connection back.
  void end();

  const AttemptTarget& target() const { return target_; }
  TimePoint ended() const { return ended_; }
  stats::AttemptResult result() const;

 private:
  void fail(Error error);
  bool may_still_come(const Error& error, TimePoint& due) const;
  std::optional<Error> wrong_head(const http::ResponseHead& head, int interim) const;
  bool proves_websocket(const http::ResponseHead& head) const;
  Result<net::Flow> try_first_chunk(const http::ResponseHead& head);
  void accept_head(const http::ResponseHead& head);
  bool went_stale() const;
  bool is_mere_silence() const;
  bool is_given_up() const;
  bool is_grpc_error() const;
  Error blame(Error error) const;
  static void on_client_gone(void* self);
  static void on_client_half_closed(void* self);
  std::optional<Nanoseconds> waited_for_head(TimePoint until) const;
  upstream::PoolTimeouts pool_timeouts() const;
  TimePoint head_deadline(TimePoint from) const;

  ExchangeContext& context_;
  http::DownstreamStream& down_;
  AttemptTarget target_;
  const TimePoint started_;
  upstream::Lease lease_;
  bool waited_ = false;
  bool connected_ = false;
  bool client_gone_ = false;
  bool unused_ = false;
  int sends_ = 0;
  bool blocked_ = false;  // the request has not left as a whole
  bool whole_ = false;    // its body, if any, has come with the head
  const http::ResponseHead* head_ = nullptr;
  http::BodyChunk first_chunk_;
  int status_ = 0;  // taken from head_, which does not outlive the lease
  bool endless_ = false;
  bool grpc_ = false;
  std::optional<unsigned> grpc_status_;
  std::optional<Error> error_;
  Child upload_;
  UploadState upload_state_;
  bool uploading_ = false;
  TimePoint sent_at_{};  // the last byte of a request that came with its head
  TimePoint head_at_{};  // set only for an event stream
  TimePoint ended_{};
  Nanoseconds told_{0};  // as in stats::AttemptResult
  Nanoseconds client_delay_{0};
};

}  // namespace cutwater::exchange
