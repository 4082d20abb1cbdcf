#include "tests/support/h2_frames.hpp"

#include <nghttp2/nghttp2.h>

namespace cutwater::test {

namespace {

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | static_cast<std::uint8_t>(bytes.at(at + i));
  return value;
}

// Writes a string without Huffman coding: RFC 7541 5.1, 5.2.
void put_string(std::string& out, std::string_view text) {
  if (text.size() < 127) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    out.push_back(127);
    std::size_t rest = text.size() - 127;
    for (; rest >= 128; rest /= 128) out.push_back(static_cast<char>(rest % 128 + 128));
    out.push_back(static_cast<char>(rest));
  }
  out.append(text);
}

std::string value_of(const H2Fields& fields, const std::string& name) {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return "<none>";
}

}  // namespace

std::uint32_t H2Frame::number(std::size_t at) const {
  return number_at(payload, at, 4);
}

std::string h2_number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                     std::string_view payload) {
  std::string frame = h2_number(static_cast<std::uint32_t>(payload.size())).substr(1);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  return frame + h2_number(stream) + std::string(payload);
}

std::string h2_block(const H2Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back(0);
    put_string(block, name);
    put_string(block, value);
  }
  return block;
}

std::string h2_headers(std::uint32_t stream, const H2Fields& fields, std::uint8_t flags) {
  return h2_frame(kH2Headers, static_cast<std::uint8_t>(flags | kH2EndHeaders), stream,
                  h2_block(fields));
}

std::string h2_reset(std::uint32_t stream, std::uint32_t code) {
  return h2_frame(kH2Reset, 0, stream, h2_number(code));
}

std::string h2_settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries) {
  std::string payload;
  for (const auto& [id, value] : entries) {
    payload.push_back(static_cast<char>(id >> 8));
    payload.push_back(static_cast<char>(id));
    payload += h2_number(value);
  }
  return h2_frame(kH2Settings, 0, 0, payload);
}

H2Fields h2_get(const std::string& path) {
  return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
}

H2Fields h2_post(const std::string& path) {
  return {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
}

H2Fields operator+(H2Fields fields, const H2Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string H2Answer::field(const std::string& name) const {
  return value_of(fields, name);
}

std::string H2Answer::trailer(const std::string& name) const {
  return value_of(trailers, name);
}

// --- H2Client -------------------------------------------------------------------------------

H2Client::H2Client(const TcpStream::Dial& dial, const std::string& first)
    : stream_(TcpStream::connect(dial)) {
  nghttp2_hd_inflate_new(&inflater_);
  stream_.send(first);
}

H2Client::~H2Client() {
  nghttp2_hd_inflate_del(inflater_);
}

H2Client& H2Client::send(std::string_view bytes) {
  stream_.send(bytes);
  return *this;
}

std::uint32_t H2Client::request(const H2Fields& fields, std::uint8_t flags) {
  const std::uint32_t id = next_id_;
  next_id_ += 2;
  send(h2_headers(id, fields, flags));
  return id;
}

H2Client& H2Client::data(std::uint32_t stream, std::string_view bytes, bool end) {
  return send(h2_frame(kH2Data, end ? kH2End : 0, stream, bytes));
}

void H2Client::resize_table(const std::vector<std::uint32_t>& sizes) {
  resizes_.push_back(sizes);
  std::vector<std::pair<std::uint16_t, std::uint32_t>> entries;
  for (const std::uint32_t size : sizes) entries.emplace_back(1, size);
  send(h2_settings(entries));
}

void H2Client::take_ack() {
  if (resizes_.empty()) return;
  for (const std::uint32_t size : resizes_.front())
    nghttp2_hd_inflate_change_table_size(inflater_, size);
  resizes_.pop_front();
}

bool H2Client::read_frame(H2Frame& frame) {
  while (buffer_.size() < 9 || buffer_.size() < 9 + number_at(buffer_, 0, 3)) {
    if (end_ != TcpStream::End::Open) return false;
    end_ = stream_.receive(buffer_);
  }
  const std::size_t size = number_at(buffer_, 0, 3);
  frame.type = static_cast<std::uint8_t>(buffer_[3]);
  frame.flags = static_cast<std::uint8_t>(buffer_[4]);
  frame.stream = number_at(buffer_, 5, 4);
  frame.payload = buffer_.substr(9, size);
  buffer_.erase(0, 9 + size);
  ++frames_;
  take(frame);
  return true;
}

void H2Client::take(const H2Frame& frame) {
  H2Answer& answer = answers_[frame.stream];
  switch (frame.type) {
    case kH2Data:
      answer.body += frame.payload;
      answer.ended = (frame.flags & kH2End) != 0;
      if (gives_windows_ && !frame.payload.empty()) {
        const std::string more = h2_number(static_cast<std::uint32_t>(frame.payload.size()));
        stream_.try_send(h2_frame(kH2Window, 0, 0, more) +
                         (answer.ended ? "" : h2_frame(kH2Window, 0, frame.stream, more)));
      }
      break;
    case kH2Headers:
    case kH2Continuation:
      take_headers(frame);
      break;
    case kH2Reset:
      answer.reset = frame.number();
      break;
    case kH2Settings:
      if ((frame.flags & kH2Ack) != 0) {
        take_ack();
        break;
      }
      for (std::size_t i = 0; i + 6 <= frame.payload.size(); i += 6)
        settings_[static_cast<std::uint16_t>(number_at(frame.payload, i, 2))] =
            number_at(frame.payload, i + 2, 4);
      if (acks_) stream_.try_send(h2_frame(kH2Settings, kH2Ack, 0));
      break;
    case kH2Goaway:
      last_stream_ = frame.number();
      goaway_ = frame.number(4);
      break;
    default:
      break;
  }
}

void H2Client::take_headers(const H2Frame& frame) {
  block_ += frame.payload;
  H2Answer& answer = answers_[frame.stream];
  if ((frame.flags & kH2End) != 0 && frame.type == kH2Headers) answer.ended = true;
  if ((frame.flags & kH2EndHeaders) == 0) return;
  H2Fields fields;
  const auto* in = reinterpret_cast<const std::uint8_t*>(block_.data());
  std::size_t left = block_.size();
  for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
    nghttp2_nv nv;
    const auto used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, in, left, 1);
    if (used < 0) throw TestFailure("the proxy sent a header block that cannot be read");
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
      fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                          std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  block_.clear();
  const std::string status = value_of(fields, ":status");
  if (answer.status != 0) {
    answer.trailers = fields;
  } else if (status.starts_with("1")) {
    answer.interim.push_back(std::stoi(status));
  } else {
    answer.status = std::stoi(status);
    answer.fields = fields;
  }
}

H2Answer H2Client::answer(std::uint32_t stream) {
  H2Frame frame;
  while (!answers_[stream].ended && !answers_[stream].reset)
    if (!read_frame(frame)) throw TestFailure("closed before the stream had ended");
  const H2Answer answer = answers_[stream];
  answers_.erase(stream);
  return answer;
}

const H2Answer& H2Client::head_of(std::uint32_t stream) {
  H2Frame frame;
  while (answers_[stream].status == 0 && !answers_[stream].reset)
    if (!read_frame(frame)) throw TestFailure("closed before a response head came");
  return answers_[stream];
}

const H2Answer& H2Client::body_of(std::uint32_t stream, std::size_t bytes) {
  H2Frame frame;
  while (answers_[stream].body.size() < bytes && !answers_[stream].reset)
    if (!read_frame(frame)) throw TestFailure("closed inside a response body");
  return answers_[stream];
}

std::optional<std::uint32_t> H2Client::goaway() {
  H2Frame frame;
  while (!goaway_ && read_frame(frame)) {
  }
  return std::exchange(goaway_, std::nullopt);
}

H2Frame H2Client::wait_for(std::uint8_t type) {
  H2Frame frame;
  do {
    if (!read_frame(frame)) throw TestFailure("closed before the frame came");
  } while (frame.type != type);
  return frame;
}

TcpStream::End H2Client::how_it_ends() {
  H2Frame frame;
  while (read_frame(frame)) {
  }
  return end_;
}

}  // namespace cutwater::test
