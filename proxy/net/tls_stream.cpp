#include "proxy/net/tls_stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace cutwater::net {

namespace {

constexpr std::size_t kRecord = 16 * 1024;  // RFC 8446 5.1: the most a record carries

// A peer needs a KeyUpdate every 2^24 records at most (RFC 8446 5.5); each costs us a key schedule
// and an answer.
constexpr std::uint32_t kKeyUpdates = 32;
constexpr std::uint64_t kBytesPerKeyUpdate = 1024 * 1024;

}  // namespace

std::string_view to_string(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::None:
      return "none";
    case TlsFailure::Timeout:
      return "timeout";
    case TlsFailure::Closed:
      return "closed";
    case TlsFailure::PlainText:
      return "plain_text";
    case TlsFailure::Version:
      return "version";
    case TlsFailure::Cipher:
      return "cipher";
    case TlsFailure::NoClientCert:
      return "no_client_certificate";
    case TlsFailure::BadCert:
      return "bad_certificate";
    case TlsFailure::RefusedByPeer:
      return "refused_by_peer";
    case TlsFailure::KeyUpdateFlood:
      return "key_update_flood";
    case TlsFailure::Protocol:
      return "protocol";
  }
  return "unknown";
}

// --- the BIO --------------------------------------------------------------------------------

struct TlsStream::Bio {
  static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, std::size_t size, std::size_t* got) {
    TlsStream& self = stream(bio);
    BIO_clear_retry_flags(bio);
    if (self.failed_) return 0;
    // Nothing has come since the last short read, so the read that would say EAGAIN is saved.
    if (!self.socket_.might_be_readable()) {
      BIO_set_retry_read(bio);
      return 0;
    }
    const IoResult result = self.socket_.try_read({out, size});
    *got = result.bytes;
    if (result.kind == IoResult::Kind::WouldBlock) BIO_set_retry_read(bio);
    if (result.kind == IoResult::Kind::Eof) self.eof_ = true;
    return result.kind == IoResult::Kind::Done ? 1 : 0;
  }

  static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* sent) {
    TlsStream& self = stream(bio);
    BIO_clear_retry_flags(bio);
    if (self.failed_) return 0;
    if (std::exchange(self.ticket_next_, false)) {
      self.held_.append(bytes, size);
      *sent = size;
      return 1;
    }
    const IoResult result = self.write_behind_held({bytes, size});
    *sent = result.bytes;
    if (result.kind == IoResult::Kind::WouldBlock) BIO_set_retry_write(bio);
    return result.kind == IoResult::Kind::Done ? 1 : 0;
  }

  static long ctrl(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    return command == BIO_CTRL_EOF && stream(bio).eof_ ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cutwater");
      BIO_meth_set_read_ex(method, &read);
      BIO_meth_set_write_ex(method, &write);
      BIO_meth_set_ctrl(method, &ctrl);
      return method;
    }();
    return made;
  }
};

// --- life -----------------------------------------------------------------------------------

TlsStream::TlsStream(Socket& socket, SslPtr ssl, bool server)
    : socket_(socket), ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(Bio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_msg_callback(ssl_.get(), &on_message);
  // An idle connection holds no record buffers; a record is sent from wherever its bytes are at
  // that time.
  SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One system call reads header and record, and whatever is behind them.
  SSL_set_read_ahead(ssl_.get(), 1);
  server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
}

void TlsStream::on_message(int write, int, int type, const void* bytes, std::size_t size, SSL* ssl,
                           void*) {
  if (type != SSL3_RT_HANDSHAKE || size == 0) return;
  const unsigned char message = *static_cast<const unsigned char*>(bytes);
  TlsStream& self = of(ssl);
  if (write != 0) {
    // The ticket is encrypted, and about to be flushed by itself. In TLS 1.2 it is a part of a
    // flight.
    self.ticket_next_ = message == SSL3_MT_NEWSESSION_TICKET && SSL_version(ssl) == TLS1_3_VERSION;
    return;
  }
  if (message != SSL3_MT_KEY_UPDATE) return;
  if (++self.key_updates_ <= kKeyUpdates + self.received_ / kBytesPerKeyUpdate) return;
  self.failure_ = TlsFailure::KeyUpdateFlood;
  self.failed_ = true;  // the BIO refuses from here on, which ends OpenSSL's loop
}

std::string_view TlsStream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

// --- handshake ------------------------------------------------------------------------------

TlsStream::Handshake TlsStream::try_handshake() {
  if (failed_) return Handshake::Failed;
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) {
    established_ = true;
    buffered_ = SSL_has_pending(ssl_.get()) == 1;
    if (!buffered_) send_held();
    return Handshake::Done;
  }
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ) return Handshake::WantRead;
  if (error == SSL_ERROR_WANT_WRITE) return Handshake::WantWrite;
  note_failure(error);
  failed_ = true;
  return Handshake::Failed;
}

void TlsStream::note_failure(int error) {
  if (failure_ != TlsFailure::None) return;
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  failure_ = TlsFailure::Protocol;
  if (error == SSL_ERROR_SYSCALL || error == SSL_ERROR_ZERO_RETURN || eof_) {
    failure_ = TlsFailure::Closed;
  } else if (reason > SSL_AD_REASON_OFFSET) {
    failure_ = TlsFailure::RefusedByPeer;
  } else {
    switch (reason) {
      case SSL_R_HTTP_REQUEST:
      case SSL_R_HTTPS_PROXY_REQUEST:
      case SSL_R_WRONG_VERSION_NUMBER:
        failure_ = TlsFailure::PlainText;
        break;
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_VERSION_TOO_LOW:
      case SSL_R_NO_PROTOCOLS_AVAILABLE:
        failure_ = TlsFailure::Version;
        break;
      case SSL_R_NO_SHARED_CIPHER:
      case SSL_R_NO_SUITABLE_KEY_SHARE:
      case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        failure_ = TlsFailure::Cipher;
        break;
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        failure_ = TlsFailure::NoClientCert;
        break;
      case SSL_R_CERTIFICATE_VERIFY_FAILED:
        failure_ = TlsFailure::BadCert;
        break;
      default:
        break;
    }
  }
  ERR_clear_error();
}

// --- bytes ----------------------------------------------------------------------------------

IoResult TlsStream::fail(int error) {
  note_failure(error);
  failed_ = true;
  buffered_ = false;
  ERR_clear_error();
  return {IoResult::Kind::Failed};
}

IoResult TlsStream::try_read(std::span<char> buffer) {
  if (failed_) return {IoResult::Kind::Failed};
  ERR_clear_error();
  std::size_t got = 0;
  const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got);
  if (done == 1) {
    received_ += got;
    buffered_ = SSL_has_pending(ssl_.get()) == 1;
    return {IoResult::Kind::Done, got};
  }
  buffered_ = false;
  const int error = SSL_get_error(ssl_.get(), done);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      // Only part of a record is here: the BIO has said EAGAIN, so the next byte raises an edge.
      return {IoResult::Kind::WouldBlock};
    case SSL_ERROR_WANT_WRITE:
      socket_.read_when_writable();
      return {IoResult::Kind::WouldBlock};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::Eof};
    default:
      return fail(error);
  }
}

namespace {

// Returns what goes into one record. Small pieces are gathered: a record of its own for each would
// cost a cipher run and a system call; copying 16 KiB costs a microsecond.
std::span<const char> record_of(std::span<const iovec> pieces) {
  thread_local std::array<char, kRecord> memory;
  if (pieces.size() == 1 || pieces[0].iov_len >= kRecord)
    return {static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len};
  std::size_t used = 0;
  for (const iovec& piece : pieces) {
    const std::size_t part = std::min(piece.iov_len, kRecord - used);
    std::memcpy(memory.data() + used, piece.iov_base, part);
    used += part;
    if (used == kRecord) break;
  }
  return {memory.data(), used};
}

}  // namespace

IoResult TlsStream::try_write(std::span<const iovec> pieces) {
  if (failed_ || notified_ || unwritable_) return {IoResult::Kind::Failed};
  const std::span<const char> record = pieces.empty() ? std::span<const char>() : record_of(pieces);
  if (record.empty()) return {IoResult::Kind::Done, 0};
  ERR_clear_error();
  std::size_t sent = 0;
  const int done = SSL_write_ex(ssl_.get(), record.data(), record.size(), &sent);
  if (done == 1) return {IoResult::Kind::Done, sent};
  const int error = SSL_get_error(ssl_.get(), done);
  switch (error) {
    case SSL_ERROR_WANT_WRITE:
      return {IoResult::Kind::WouldBlock};
    case SSL_ERROR_WANT_READ:
      socket_.write_when_readable();
      return {IoResult::Kind::WouldBlock};
    case SSL_ERROR_SYSCALL:
      // The peer has closed; what it said before, an answer or an alert, can still be read.
      unwritable_ = true;
      ERR_clear_error();
      return {IoResult::Kind::Failed};
    default:
      return fail(error);
  }
}

void TlsStream::send_held() {
  if (held_.empty()) return;
  drop_held(socket_.try_write(std::span<const char>(held_)).bytes);
}

// An idle connection keeps no memory for what has gone.
void TlsStream::drop_held(std::size_t bytes) {
  held_.erase(0, bytes);
  if (held_.empty()) std::string().swap(held_);
}

// Sends what is held and `bytes` in one system call; says how much of `bytes` went.
IoResult TlsStream::write_behind_held(std::span<const char> bytes) {
  if (held_.empty()) return socket_.try_write(bytes);
  for (;;) {
    const std::array<iovec, 2> pieces{
        {{held_.data(), held_.size()}, {const_cast<char*>(bytes.data()), bytes.size()}}};
    IoResult result = socket_.try_write(pieces);
    const std::size_t first = std::min(result.bytes, held_.size());
    drop_held(first);
    result.bytes -= first;
    // Not even the held bytes all went: the kernel must say itself that it is full.
    if (result.kind == IoResult::Kind::Done && result.bytes == 0) continue;
    return result;
  }
}

void TlsStream::send_close_notify() {
  if (!established_ || failed_ || notified_ || socket_.broken()) return;
  notified_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace cutwater::net
