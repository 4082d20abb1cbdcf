// Implements TLS over a Socket: OpenSSL's state for one connection and the BIO that lets OpenSSL
// read and write the non-blocking descriptor through the socket, so that readiness, short reads and
// MSG_NOSIGNAL work as for plain traffic. Only Transport uses it, on the loop's thread; it lives as
// long as its transport.
//
// Readiness: bytes may wait inside OpenSSL (read-ahead takes what the kernel has) when the
// descriptor has none, which has_buffered() tells. A read may need to write (an answer to
// KeyUpdate) and a write to read (half of a post-handshake message): the socket then wakes one on
// the other's edge. Closing: close_notify is the end of the stream; FIN without it is a failure,
// because anybody on the path can send one (RFC 9112 9.8). Tickets: OpenSSL would send each session
// ticket (RFC 8446 4.6.1) by itself. The stream sends them together, with the first answer if its
// request is already here. Otherwise it sends them at once, because their ACK is what lets a client
// with Nagle's algorithm send its request.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/socket.hpp"

namespace cutwater::net {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

struct SslSessionFree {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslSessionFree>;

// Says why a handshake failed, by name, for counters.
enum class TlsFailure : std::uint8_t {
  None,
  Timeout,
  Closed,          // the peer left in the middle
  PlainText,       // the peer does not speak TLS
  Version,         // no protocol version both sides allow
  Cipher,          // no common cipher, group or signature algorithm
  NoClientCert,    // required, but none was sent
  BadCert,         // a certificate that does not verify
  RefusedByPeer,   // an alert: most often it does not trust our certificate
  KeyUpdateFlood,  // after the handshake
  Protocol,        // anything else
};
inline constexpr std::size_t kTlsFailures = 11;
std::string_view to_string(TlsFailure failure);

class TlsStream {
 public:
  // Takes an SSL of the right context, not yet connected; `server` says which side this is.
  TlsStream(Socket& socket, SslPtr ssl, bool server);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Handshake : std::uint8_t { Done, WantRead, WantWrite, Failed };
  Handshake try_handshake();
  // Says why the handshake failed, or the stream later: a TLS 1.3 server refuses our certificate
  // only after the handshake.
  TlsFailure failure() const { return failure_; }

  IoResult try_read(std::span<char> buffer);
  // After WouldBlock the next call must offer the same bytes first, and at least as many.
  IoResult try_write(std::span<const iovec> pieces);
  bool has_buffered() const { return buffered_; }
  // Call it at most once, and only if the stream is well. It never waits.
  void send_close_notify();

  std::string_view alpn() const;  // negotiated; empty = none
  SSL* ssl() const { return ssl_.get(); }
  static TlsStream& of(const SSL* ssl) { return *static_cast<TlsStream*>(SSL_get_app_data(ssl)); }

  // Says where the newest session of a client goes, for its next connection; may be null.
  void keep_session_in(SslSessionPtr* slot) { session_slot_ = slot; }
  SslSessionPtr* session_slot() const { return session_slot_; }

 private:
  struct Bio;  // the BIO's functions
  static void on_message(int write, int version, int type, const void* bytes, std::size_t size,
                         SSL* ssl, void*);
  void send_held();
  void drop_held(std::size_t bytes);
  IoResult write_behind_held(std::span<const char> bytes);
  IoResult fail(int error);
  void note_failure(int error);

  Socket& socket_;
  SslPtr ssl_;
  SslSessionPtr* session_slot_ = nullptr;
  std::string held_;  // session tickets not yet sent
  std::uint64_t received_ = 0;
  std::uint32_t key_updates_ = 0;
  TlsFailure failure_ = TlsFailure::None;
  bool ticket_next_ = false;  // what OpenSSL writes next is a session ticket
  bool established_ = false;
  bool buffered_ = false;
  bool failed_ = false;
  bool unwritable_ = false;
  bool eof_ = false;  // FIN was seen
  bool notified_ = false;
};

}  // namespace cutwater::net
