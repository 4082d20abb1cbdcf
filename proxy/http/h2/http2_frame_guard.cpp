#include "proxy/http/h2/http2_frame_guard.hpp"

#include <algorithm>

namespace cutwater::http {
namespace {

constexpr std::size_t kPreface = 24;
constexpr std::size_t kMostOpen = 1024;  // bounds a client that never ends its streams; the budgets
                                         // bound the rest
constexpr unsigned kMostHalvings = 4;    // bounded, because everybody resets something now and then
constexpr double kWindow = 10;           // seconds in which the "per 10 s" budgets refill

// These are the frame types and flags of RFC 9113 6.
enum Type : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kContinuation = 9,
};
constexpr std::uint8_t kEndStream = 0x1;
constexpr std::uint8_t kAck = 0x1;
constexpr std::uint8_t kEndHeaders = 0x4;
constexpr std::uint8_t kPadded = 0x8;

// The error codes are those of RFC 9113 7.
constexpr std::uint32_t kProtocolError = 0x1;
constexpr std::uint32_t kStreamClosed = 0x5;
constexpr std::uint32_t kEnhanceYourCalm = 0xb;

}  // namespace

bool Http2Budget::take(TimePoint now) {
  if (now > at_) {
    credit(per_second_ * std::chrono::duration<double>(now - at_).count());
    at_ = now;
  }
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

void Http2Budget::resize(double burst, double per_second) {
  left_ = std::min(left_, burst);
  burst_ = std::max(burst, 1.0);
  per_second_ = per_second;
}

Http2FrameGuard::Http2FrameGuard(Role role, const config::Http2Limits& limits, TimePoint now)
    : role_(role),
      limits_(limits),
      client_resets_(limits.client_resets, limits.client_resets_per_second, now),
      server_resets_(limits.server_resets, limits.server_resets / kWindow, now),
      pings_(limits.pings, limits.pings / kWindow, now),
      other_frames_(limits.other_frames, limits.other_frames / kWindow, now),
      preface_left_(role == Role::Server ? kPreface : 0) {}

void Http2FrameGuard::halve_resets(unsigned halvings) {
  const double part = 1.0 / (1U << std::min(halvings, kMostHalvings));
  client_resets_.resize(limits_.client_resets * part, limits_.client_resets_per_second * part);
  server_resets_.resize(limits_.server_resets * part, limits_.server_resets / kWindow * part);
}

Http2FrameGuard::Verdict Http2FrameGuard::inspect(std::span<const char> bytes, TimePoint now) {
  std::size_t at = std::min(preface_left_, bytes.size());
  preface_left_ -= at;
  while (at < bytes.size()) {
    if (pad_length_next_ && payload_left_ > 0) {
      const Refusal refusal = on_payload_begin(static_cast<std::uint8_t>(bytes[at]));
      if (refusal.abuse != Http2Abuse::None) return {at, refusal.abuse, refusal.code};
    }
    if (payload_left_ > 0) {
      const auto take = std::min<std::size_t>(payload_left_, bytes.size() - at);
      payload_left_ -= static_cast<std::uint32_t>(take);
      at += take;
      continue;
    }
    const std::size_t begin = at;
    while (header_filled_ < header_.size() && at < bytes.size())
      header_[header_filled_++] = static_cast<std::uint8_t>(bytes[at++]);
    if (header_filled_ < header_.size()) break;
    header_filled_ = 0;
    const auto& h = header_;
    const Frame frame{
        static_cast<std::uint32_t>(h[0] << 16 | h[1] << 8 | h[2]), h[3], h[4],
        (std::uint32_t{h[5]} << 24 | std::uint32_t{h[6]} << 16 | std::uint32_t{h[7]} << 8 | h[8]) &
            0x7fffffffU};
    payload_left_ = frame.length;
    const Refusal refusal = on_frame(frame, now);
    if (refusal.abuse != Http2Abuse::None) return {begin, refusal.abuse, refusal.code};
  }
  return {bytes.size()};
}

Http2FrameGuard::Refusal Http2FrameGuard::on_frame(const Frame& frame, TimePoint now) {
  const auto too_many = [](Http2Abuse abuse) { return Refusal{abuse, kEnhanceYourCalm}; };
  switch (frame.type) {
    case kData:
      return on_data(frame);
    case kHeaders:
      return on_headers(frame);
    case kContinuation:
      return on_continuation(frame);
    case kRstStream:
      if (role_ == Role::Client) return {};  // a server may refuse as often as it likes
      close(frame.stream);
      return client_resets_.take(now) ? Refusal{} : too_many(Http2Abuse::ClientResets);
    case kSettings:
    case kPing:
      if ((frame.flags & kAck) == 0)
        return pings_.take(now) ? Refusal{} : too_many(Http2Abuse::Pings);
      break;
    default:
      break;
  }
  return other_frames_.take(now) ? Refusal{} : too_many(Http2Abuse::OtherFrames);
}

// By RFC 9113 5.1, behind END_STREAM or RST_STREAM the sender may send neither DATA nor HEADERS. (A
// stream that we have reset is not closed for its sender until the sender has heard of it.)
Http2FrameGuard::Refusal Http2FrameGuard::on_data(const Frame& frame) {
  const bool ends = (frame.flags & kEndStream) != 0;
  if (role_ == Role::Server && frame.stream <= highest_ && frame.stream % 2 == 1) {
    if (!is_open(frame.stream)) return {Http2Abuse::ClosedStream, kStreamClosed};
    if (ends) close(frame.stream);
  }
  earn(frame.length);
  data_ends_stream_ = ends;
  pad_length_next_ = (frame.flags & kPadded) != 0 && frame.length > 0;
  return pad_length_next_ ? Refusal{} : note_data(frame.length == 0);
}

Http2FrameGuard::Refusal Http2FrameGuard::on_payload_begin(std::uint8_t first) {
  pad_length_next_ = false;
  return note_data(payload_left_ == std::uint32_t{first} + 1);
}

Http2FrameGuard::Refusal Http2FrameGuard::note_data(bool empty) {
  empty_in_a_row_ = empty && !data_ends_stream_ ? empty_in_a_row_ + 1 : 0;
  if (empty_in_a_row_ <= limits_.empty_frames) return {};
  return {Http2Abuse::EmptyFrames, kEnhanceYourCalm};
}

Http2FrameGuard::Refusal Http2FrameGuard::on_headers(const Frame& frame) {
  in_block_ = (frame.flags & kEndHeaders) == 0;
  continuations_ = 0;
  block_bytes_ = frame.length;
  empty_in_a_row_ = 0;
  if (role_ == Role::Client || frame.stream % 2 == 0) return {};
  const bool ends = (frame.flags & kEndStream) != 0;
  if (frame.stream > highest_) {
    open(frame.stream);
    if (ends) close(frame.stream);
    pings_.credit(1);
    other_frames_.credit(2);
    return {};
  }
  if (!is_open(frame.stream))
    return {Http2Abuse::ClosedStream, was_opened(frame.stream) ? kStreamClosed : kProtocolError};
  if (ends) close(frame.stream);
  return {};
}

Http2FrameGuard::Refusal Http2FrameGuard::on_continuation(const Frame& frame) {
  block_bytes_ += frame.length;
  if (++continuations_ > limits_.continuations || block_bytes_ > limits_.header_list_bytes)
    return {Http2Abuse::Continuations, kEnhanceYourCalm};
  if ((frame.flags & kEndHeaders) != 0) in_block_ = false;
  return {};
}

bool Http2FrameGuard::is_open(std::uint32_t stream) const {
  return std::find(open_.rbegin(), open_.rend(), stream) != open_.rend();
}

void Http2FrameGuard::open(std::uint32_t stream) {
  highest_ = stream;
  recent_[recent_next_++ % recent_.size()] = stream;
  if (open_.size() == kMostOpen) open_.erase(open_.begin());
  open_.push_back(stream);
}

void Http2FrameGuard::close(std::uint32_t stream) {
  const auto found = std::find(open_.rbegin(), open_.rend(), stream);
  if (found != open_.rend()) open_.erase(std::next(found).base());
}

bool Http2FrameGuard::was_opened(std::uint32_t stream) const {
  return std::find(recent_.begin(), recent_.end(), stream) != recent_.end();
}

// A receiver of data answers with WINDOW_UPDATE, two for every half of a window, and some receivers
// (gRPC) measure the path with a PING beside it.
void Http2FrameGuard::earn(std::size_t data_bytes) {
  other_frames_.credit(static_cast<double>(data_bytes) / 256);
  pings_.credit(static_cast<double>(data_bytes) / 16384);
}

std::string_view to_string(Http2Abuse abuse) {
  switch (abuse) {
    case Http2Abuse::None:
      return "none";
    case Http2Abuse::ClosedStream:
      return "closed_stream";
    case Http2Abuse::ClientResets:
      return "client_resets";
    case Http2Abuse::ServerResets:
      return "server_resets";
    case Http2Abuse::EmptyFrames:
      return "empty_frames";
    case Http2Abuse::Continuations:
      return "continuations";
    case Http2Abuse::Pings:
      return "pings";
    case Http2Abuse::OtherFrames:
      return "other_frames";
    case Http2Abuse::HeaderList:
      return "header_list";
    case Http2Abuse::QueuedFrames:
      return "queued_frames";
    case Http2Abuse::StalledWindow:
      return "stalled_window";
    case Http2Abuse::Protocol:
      return "protocol";
  }
  return "unknown";
}

}  // namespace cutwater::http
