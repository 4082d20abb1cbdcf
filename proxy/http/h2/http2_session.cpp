#include "proxy/http/h2/http2_session.hpp"

#include <cstring>
#include <exception>

namespace cutwater::http {

namespace {

constexpr std::size_t kFrameHeader = 9;
constexpr std::size_t kFrame = 16 * 1024 + kFrameHeader;  // the largest frame we send
constexpr std::size_t kFrameRoom = kFrame + 1024;         // nghttp2 hands a frame over whole
// from this size on the cost of a write no longer counts
constexpr std::size_t kWorthAWrite = 16 * 1024;
constexpr std::size_t kReadBurst = 4;  // blocks read before other connections have their turn

std::string_view view(nghttp2_rcbuf* buffer) {
  const nghttp2_vec text = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(text.base), text.len};
}

// Recognises the errors that a peer can cause, not the ones we choose.
bool is_peers_fault(std::uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED || code == NGHTTP2_FRAME_SIZE_ERROR;
}

}  // namespace

// --- nghttp2's callbacks: translation only --------------------------------------------------

struct Http2Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).list_bytes_ = 0;
    self(user).on_block_begin(*frame);
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                    nghttp2_rcbuf* value, std::uint8_t, void* user) {
    return self(user).note_field(*frame, view(name), view(value));
  }
  static int invalid_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                            nghttp2_rcbuf* value, std::uint8_t, void* user) {
    if (Http2Stream* stream = self(user).find(frame->hd.stream_id)) stream->on_bad_field();
    return self(user).note_field(*frame, view(name), view(value));
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& session = self(user);
    const auto stream = [&] { return session.find(frame->hd.stream_id); };
    const bool end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (Http2Stream* const with_head = stream()) session.on_block_end(*with_head, end_stream);
        break;
      case NGHTTP2_DATA:
        if (Http2Stream* const ended = end_stream ? stream() : nullptr) ended->on_end();
        break;
      case NGHTTP2_GOAWAY:
        session.on_goaway(frame->goaway);
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) session.note_settings(frame->settings);
        break;
      default:
        break;
    }
    return 0;
  }
  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t size, void* user) {
    Http2Session& session = self(user);
    Http2Stream* stream = session.find(id);
    if (!stream) {
      // Nobody will read these bytes, so that their stream gets no more window.
      nghttp2_session_consume_connection(session.session_, size);
      session.wake_writer();
      return 0;
    }
    // An upstream's streams belong to many clients: a slow client holds its own window only.
    if (session.setup_.role == Http2Session::Role::Client)
      nghttp2_session_consume_connection(session.session_, size);
    stream->on_data({reinterpret_cast<const char*>(data), size});
    return 0;
  }
  static int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    self(user).drop_block(id);
    if (Http2Stream* stream = self(user).find(id)) self(user).on_closed(*stream, code);
    return 0;
  }
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).note_sent(*frame);
    return 0;
  }
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    Http2Session& session = self(user);
    if (frame->headers.nvlen == 0) session.drop_block(frame->hd.stream_id);
    Http2Stream* stream = session.find(frame->hd.stream_id);
    if (stream && frame->headers.cat == NGHTTP2_HCAT_REQUEST) session.on_not_sent(*stream);
    return 0;
  }
  static ssize_t data_read(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t most,
                           std::uint32_t* flags, nghttp2_data_source*, void* user) {
    return self(user).read_outgoing(id, most, *flags);
  }
  static int data_send(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                       std::size_t length, nghttp2_data_source*, void* user) {
    return self(user).send_outgoing(*frame, header, length);
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* c = nullptr;
      nghttp2_session_callbacks_new(&c);
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, &begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(c, &header);
      nghttp2_session_callbacks_set_on_invalid_header_callback2(c, &invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, &frame_recv);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, &data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, &stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, &frame_sent);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(c, &frame_not_sent);
      nghttp2_session_callbacks_set_send_data_callback(c, &data_send);
      return c;
    }();
    return callbacks;
  }
  static const nghttp2_option* options() {
    static const nghttp2_option* const option = [] {
      nghttp2_option* o = nullptr;
      nghttp2_option_new(&o);
      nghttp2_option_set_no_auto_window_update(o, 1);  // see consume()
      nghttp2_option_set_no_closed_streams(o, 1);      // saves their memory; priorities are RFC
                                                       // 9218's
      nghttp2_option_set_server_fallback_rfc7540_priorities(o, 0);
      nghttp2_option_set_max_reserved_remote_streams(o, 0);
      // The guard counts these, with its own limits and names.
      nghttp2_option_set_max_outbound_ack(o, 1'000'000);
      nghttp2_option_set_stream_reset_rate_limit(o, 1'000'000'000, 1'000'000'000);
      nghttp2_option_set_max_continuations(o, 1'000'000);
      return o;
    }();
    return option;
  }
};

// --- the session ----------------------------------------------------------------------------

Http2Session::Http2Session(const Setup& setup)
    : setup_(setup), guard_(setup.role, setup.limits, setup.loop.now()), dirty_(setup.loop) {
  const auto make =
      setup.role == Role::Server ? &nghttp2_session_server_new2 : &nghttp2_session_client_new2;
  if (make(&session_, Http2Callbacks::all(), this, Http2Callbacks::options()) != 0)
    std::terminate();  // out of memory ends the process, as anywhere else
}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
}

bool Http2Session::read_some() {
  net::Block block = blocks().borrow();
  for (std::size_t i = 0; i < kReadBurst && !failed_; ++i) {
    const net::IoResult read = socket().try_read(block.span());
    switch (read.kind) {
      case net::IoResult::Kind::Done:
        receive(block.span().first(read.bytes));
        break;
      case net::IoResult::Kind::WouldBlock:
        return true;
      case net::IoResult::Kind::Eof:
      case net::IoResult::Kind::Failed:
        return false;
    }
    if (!socket().might_be_readable()) break;
  }
  return true;
}

void Http2Session::receive(std::span<char> bytes) {
  const Http2FrameGuard::Verdict verdict = guard_.inspect(bytes, loop().now());
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const ssize_t taken =
      verdict.pass > 0 ? nghttp2_session_mem_recv(session_, data, verdict.pass) : 0;
  if (list_too_large_)
    fail(Http2Abuse::HeaderList, NGHTTP2_ENHANCE_YOUR_CALM);
  else if (taken < 0)
    fail(Http2Abuse::Protocol, NGHTTP2_PROTOCOL_ERROR);
  else if (verdict.abuse != Http2Abuse::None)
    fail(verdict.abuse, verdict.code);
  produce();
  if (!failed_ && nghttp2_session_get_outbound_queue_size(session_) > limits().queued_frames)
    fail(Http2Abuse::QueuedFrames, NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::fail(Http2Abuse abuse, std::uint32_t code) {
  if (std::exchange(failed_, true)) return;
  on_abuse(abuse);
  nghttp2_session_terminate_session(session_, code);
  produce();
}

int Http2Session::note_field(const nghttp2_frame& frame, std::string_view name,
                             std::string_view value) {
  list_bytes_ += list_size(name, value);
  if (list_bytes_ > limits().header_list_bytes) {
    list_too_large_ = true;
    return NGHTTP2_ERR_PAUSE;
  }
  if (Http2Stream* stream = find(frame.hd.stream_id)) stream->on_field(name, value);
  return 0;
}

void Http2Session::send_settings(std::span<const nghttp2_settings_entry> entries,
                                 std::uint32_t max_streams) {
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits().connection_window));
  produce();
  // The limit is written into the frame, of which nghttp2 has not been told.
  for (std::size_t i = 0; setup_.role == Role::Server && i < entries.size(); ++i) {
    char* entry = out_.data() + 9 + 6 * i;
    if (entry[0] != 0 || entry[1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
    for (int byte = 0; byte < 4; ++byte)
      entry[2 + byte] = static_cast<char>(max_streams >> (24 - 8 * byte));
  }
}

// --- what streams ask for -------------------------------------------------------------------

namespace {
nghttp2_data_provider provider() {
  nghttp2_data_provider data{};
  data.read_callback = &Http2Callbacks::data_read;
  return data;
}
}  // namespace

bool Http2Session::submit_response(Http2Stream& stream, const WriteBlock& write, bool has_body) {
  const nghttp2_data_provider data = provider();
  if (nghttp2_submit_response(session_, stream.id(), nullptr, 0, has_body ? &data : nullptr) != 0)
    return false;
  head_ = {stream.id(), &write};
  produce();
  keep_waiting(head_);
  return true;
}

bool Http2Session::submit_response(Http2Stream& stream, std::span<const nghttp2_nv> fields,
                                   bool has_body) {
  const nghttp2_data_provider data = provider();
  if (nghttp2_submit_response(session_, stream.id(), fields.data(), fields.size(),
                              has_body ? &data : nullptr) != 0)
    return false;
  produce();
  return true;
}

bool Http2Session::submit_request(Http2Stream& stream, std::span<const nghttp2_nv> fields,
                                  bool has_body) {
  const nghttp2_data_provider data = provider();
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                             has_body ? &data : nullptr, static_cast<void*>(&stream));
  stream.set_id(id > 0 ? id : 0);
  if (id > 0) produce();
  return id > 0;
}

bool Http2Session::submit_interim(Http2Stream& stream, std::span<const nghttp2_nv> fields) {
  if (nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id(), nullptr, fields.data(),
                             fields.size(), nullptr) != 0)
    return false;
  produce();
  return true;
}

void Http2Session::reset_stream(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  wake_writer();
}

void Http2Session::consume(std::int32_t id, std::size_t bytes) {
  if (setup_.role == Role::Client)  // the connection's part has been given back at once
    nghttp2_session_consume_stream(session_, id, bytes);
  else
    nghttp2_session_consume(session_, id, bytes);
  wake_writer();
}

void Http2Session::forget(const Http2Stream& stream) {
  nghttp2_session_set_stream_user_data(session_, stream.id(), nullptr);
}

void Http2Session::note_settings(const nghttp2_settings& settings) {
  // Apply each in turn: a table that shrinks and grows again in one frame is empty.
  for (std::size_t i = 0; i < settings.niv; ++i)
    if (settings.iv[i].settings_id == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE)
      table_.resize(settings.iv[i].value);
  on_settings();
}

// --- heads ----------------------------------------------------------------------------------

// Called for the end of each body, while frames are produced: what `trailers` refers to is gone
// afterwards.
void Http2Session::submit_trailers(std::int32_t id, const FieldList& trailers) {
  std::size_t most = 0;
  for (const Field& field : trailers) most += HpackWriter::most(field.name, field.value);
  if (setup_.role == Role::Server && most <= kMostBlock) {
    write_trailers_ = [&trailers](HpackWriter& out) {
      for (const Field& field : trailers) out.field(field.name, field.value);
    };
    keep_waiting(trailers_);
    trailers_ = {id, &write_trailers_};
    nghttp2_submit_trailer(session_, id, nullptr, 0);
    return;
  }
  Http2List list(setup_.role == Role::Server ? Http2Indexing::Never : Http2Indexing::Allowed);
  for (const Field& field : trailers) list.field(field.name, field.value);
  nghttp2_submit_trailer(session_, id, list.fields().data(), list.fields().size());
}

void Http2Session::keep_waiting(std::optional<Submitted>& submitted) {
  if (!submitted) return;  // it has gone out, as nearly always
  const net::Block room = blocks().borrow();
  HpackWriter out(room.span());
  (*submitted->write)(out);
  waiting_[submitted->id] = out.block();
  submitted.reset();
}

// The stream may be closed and forgotten before the frame is filled.
void Http2Session::take_block(std::int32_t id) {
  handed_ = {find(id), nullptr, {}};
  if (head_ && head_->id == id)
    handed_->write = head_->write;
  else if (trailers_ && trailers_->id == id)
    handed_->write = trailers_->write;
  else if (const auto waiting = waiting_.find(id); waiting != waiting_.end())
    handed_->block = std::move(waiting->second);
  drop_block(id);
}

void Http2Session::drop_block(std::int32_t id) {
  if (head_ && head_->id == id) head_.reset();
  if (trailers_ && trailers_->id == id) trailers_.reset();
  waiting_.erase(id);
}

void Http2Session::fill_head(std::size_t frame_bytes) {
  char* const length = out_.data() + out_end_ - frame_bytes;  // 24 bits: RFC 9113 4.1
  const std::size_t begin = out_end_;
  if (handed_->write) {
    HpackWriter out(out_.span().subspan(out_end_), &table_);
    (*handed_->write)(out);
    if (out.overflow()) std::terminate();  // a head longer than kMostBlock
    out_end_ += out.block().size();
  } else {
    append(handed_->block);
  }
  const std::size_t block = out_end_ - begin;
  const std::size_t payload = frame_bytes - kFrameHeader + block;
  length[0] = static_cast<char>(payload >> 16);
  length[1] = static_cast<char>(payload >> 8);
  length[2] = static_cast<char>(payload);
  if (handed_->stream) handed_->stream->on_sent(block);
  handed_.reset();
}

// --- output ---------------------------------------------------------------------------------

void Http2Session::append(std::string_view bytes) {
  if (!has_room(bytes.size())) std::terminate();  // safer than to write past the block
  std::memcpy(out_.data() + out_end_, bytes.data(), bytes.size());
  out_end_ += bytes.size();
}

void Http2Session::produce() {
  if (producing_ || write_failed_) return;
  producing_ = true;
  if (!out_ && nghttp2_session_want_write(session_) != 0) out_ = blocks().borrow();
  while (out_ && has_room(kFrameRoom)) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) break;
    const std::string_view frame(reinterpret_cast<const char*>(bytes),
                                 static_cast<std::size_t>(size));
    append(frame);
    if (handed_) fill_head(frame.size());
  }
  keep_waiting(trailers_);
  if (out_begin_ == out_end_) out_.release();
  producing_ = false;
  if (out_) wake_writer();
  if (out_end_ - out_begin_ >= kWorthAWrite) loop().hurry();
}

std::ptrdiff_t Http2Session::read_outgoing(std::int32_t id, std::size_t most,
                                           std::uint32_t& flags) {
  Http2Stream* stream = find(id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // the stream was reset meanwhile
  const Http2Stream::Outgoing next = stream->next_outgoing(most);
  if (next.nothing) return NGHTTP2_ERR_DEFERRED;
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (next.end) flags |= NGHTTP2_DATA_FLAG_EOF;
  if (next.trailers) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    submit_trailers(id, *next.trailers);
  }
  return static_cast<std::ptrdiff_t>(next.bytes);
}

int Http2Session::send_outgoing(const nghttp2_frame& frame, const std::uint8_t* header,
                                std::size_t length) {
  Http2Stream* stream = find(frame.hd.stream_id);
  // The stream was given back meanwhile: nghttp2 drops the frame and resets the stream.
  if (!stream && length > 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (!has_room(length + 9)) return NGHTTP2_ERR_WOULDBLOCK;
  append({reinterpret_cast<const char*>(header), 9});
  if (length > 0) {
    append(stream->take_outgoing(length));
    guard_.on_data_sent(length);
  }
  // nghttp2 would go on with the next frame, for example trailers, which it hands over as a whole.
  return has_room(kFrameRoom) ? 0 : NGHTTP2_ERR_PAUSE;
}

void Http2Session::note_sent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (frame.headers.nvlen == 0) take_block(frame.hd.stream_id);
      [[fallthrough]];
    case NGHTTP2_DATA:
      if (Http2Stream* stream = find(frame.hd.stream_id))
        stream->on_sent(frame.hd.length);
      else if (setup_.role == Role::Server && (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
               nghttp2_session_get_stream_remote_close(session_, frame.hd.stream_id) == 0)
        on_answered_early(frame.hd.stream_id);
      break;
    case NGHTTP2_RST_STREAM:
      if (is_peers_fault(frame.rst_stream.error_code) && !guard_.take_server_reset(loop().now()))
        fail(Http2Abuse::ServerResets, NGHTTP2_ENHANCE_YOUR_CALM);
      break;
    case NGHTTP2_GOAWAY:
      // nghttp2 sends this GOAWAY itself: the peer broke the protocol.
      if (frame.goaway.error_code != NGHTTP2_NO_ERROR && !std::exchange(failed_, true))
        on_abuse(Http2Abuse::Protocol);
      break;
    default:
      break;
  }
}

Task<void> Http2Session::write_loop() {
  for (;;) {
    produce();
    if (out_begin_ == out_end_) {
      if (writer_ended_) break;
      [[maybe_unused]] const net::Wait woken = co_await dirty_.wait();
      continue;
    }
    const std::size_t size = out_end_ - out_begin_;
    const net::IoResult sent = socket().try_write(out_.span().subspan(out_begin_, size));
    if (sent.kind == net::IoResult::Kind::Done) {
      out_begin_ += sent.bytes;
      if (out_begin_ < out_end_) continue;
      out_begin_ = out_end_ = 0;
      continue;
    }
    net::Wait wait = net::Wait::Cancelled;
    if (sent.kind == net::IoResult::Kind::WouldBlock)
      wait = co_await socket().writable(loop().now() + setup_.write_stall);
    if (wait == net::Wait::Ready) continue;
    write_failed_ = true;
    break;
  }
  out_begin_ = out_end_ = 0;
  out_.release();
  if (write_failed_) socket().cancel_read();  // the reader ends the connection
}

void Http2Session::end_writer() {
  writer_ended_ = true;
  wake_writer();
}

}  // namespace cutwater::http
