// Holds an HTTP message head as values. All string_views point into the buffer the head was parsed
// from and live as long as that buffer holds it. Only the worker that parsed it uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace cutwater::http {

enum class Method : std::uint8_t {
  Get,
  Head,
  Post,
  Put,
  Delete,
  Connect,
  Options,
  Trace,
  Patch,
  Other,
};

// Says whether a request may be sent again without asking (RFC 9110 9.2.2).
constexpr bool is_idempotent(Method method) {
  return method == Method::Get || method == Method::Head || method == Method::Put ||
         method == Method::Delete || method == Method::Options || method == Method::Trace;
}

// Lists the fields the proxy itself cares about; they are looked up once while parsing. Disguised
// is a name that would be a framing or trust field if '_' were read as '-' (CGI and WSGI servers
// do); such a field is never forwarded. ClientClaim is one of config/client_claims.hpp without an
// id of its own.
enum class FieldId : std::uint8_t {
  Other,
  AltSvc,
  CacheControl,
  ClientClaim,
  Connection,
  ContentLength,
  ContentType,
  Cookie,
  CutwaterHops,
  Date,
  Disguised,
  Expect,
  Forwarded,
  Host,
  KeepAlive,
  MaxForwards,
  Proxy,
  ProxyAuthenticate,
  ProxyAuthorization,
  ProxyConnection,
  SetCookie,
  Te,
  Traceparent,
  Tracestate,
  Trailer,
  TransferEncoding,
  Upgrade,
  Via,
  XClientCert,
  XForwardedFor,
  XForwardedHost,
  XForwardedProto,
  XRealIp,
  XRequestId,
  XShadow,
};

// Compares without regard to case; returns FieldId::Other when the name is unknown, and never
// ClientClaim or Disguised.
FieldId field_id(std::string_view name);

// Says who the client is, or would to a server that reads '_' as '-'.
constexpr bool is_claim(FieldId id) {
  return id == FieldId::ClientClaim || id == FieldId::Disguised || id == FieldId::Forwarded ||
         id == FieldId::XClientCert || id == FieldId::XForwardedFor ||
         id == FieldId::XForwardedHost || id == FieldId::XForwardedProto || id == FieldId::XRealIp;
}

struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without surrounding whitespace
  FieldId id = FieldId::Other;
};

// Holds fields in order of arrival, without heap allocation. The storage is left uninitialised,
// because clearing 10 KiB for every head would cost more than parsing it; a copy copies the live
// fields only.
class FieldList {
 public:
  static constexpr std::size_t kCapacity = 256;  // hard ceiling of the configurable limit

  FieldList() {}
  FieldList(const FieldList& other) { copy(other); }
  FieldList& operator=(const FieldList& other) {
    if (this != &other) copy(other);
    return *this;
  }

  bool push_back(const Field& field) {
    if (size_ == kCapacity) return false;
    std::construct_at(&fields_[size_++], field);
    return true;
  }
  void clear() { size_ = 0; }
  template <class Predicate>
  void keep_if(const Predicate& wanted) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i)
      if (wanted(fields_[i])) fields_[kept++] = fields_[i];
    size_ = kept;
  }
  std::size_t size() const { return size_; }
  const Field* begin() const { return fields_; }
  const Field* end() const { return fields_ + size_; }
  const Field& operator[](std::size_t i) const { return fields_[i]; }

  // Returns the first field with this id, or nullptr.
  const Field* find(FieldId id) const {
    for (const Field& field : *this)
      if (field.id == id) return &field;
    return nullptr;
  }
  // Returns the first field with this name (case-insensitive), or nullptr.
  const Field* find(std::string_view name) const;

 private:
  void copy(const FieldList& other) {
    clear();
    for (const Field& field : other) push_back(field);
  }

  std::size_t size_ = 0;
  union {
    Field fields_[kCapacity];
  };
};

// Says how the end of the body is found: RFC 9112 6.3.
enum class Framing : std::uint8_t { None, Length, Chunked, UntilClose };

struct RequestHead {
  Method method = Method::Get;
  std::string_view method_text;
  std::string_view target;     // origin-form as received: path and query; "*" for OPTIONS *
  std::string_view path;       // the part of `target` before '?'
  std::string_view query;      // what follows '?'; empty if none
  std::string_view authority;  // the host[:port] that counts: that of an absolute-form target, else
                               // Host
  std::string_view host;       // authority without the port
  int major_version = 1;       // with 2, `minor_version` means nothing
  int minor_version = 1;       // HTTP/1.x
  Framing framing = Framing::None;
  std::uint64_t content_length = 0;  // with Framing::Length; 0 means that the head announces an
                                     // empty body
  bool keep_alive = true;            // what the client asked for
  bool expect_continue = false;      // HTTP/1.1, with a body, and the client waits for 100
  std::string_view
      upgrade;  // one requested protocol, never h2c or TLS; empty if none or not to be followed
  bool connection_names = false;  // Connection names fields beyond the usual options
  std::uint32_t hops = 0;         // proxies of ours that it has passed: Cutwater-Hops
  bool claims_client = false;     // a field says who the client is, or is disguised
  // Set only with OPTIONS (TRACE is refused). With 0, answer here and do not forward (RFC 9110
  // 7.6.2).
  std::optional<std::uint32_t> max_forwards;
  FieldList fields;
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  int minor_version = 1;
  Framing framing = Framing::None;
  std::uint64_t content_length = 0;  // with Framing::Length
  bool keep_alive = true;            // the upstream connection may carry another request
  std::string_view upgrade;          // with 101: the protocol switched to
  bool connection_names = false;     // Connection names fields beyond the usual options
  FieldList fields;
};

struct BodyChunk {
  std::span<const char> data;           // valid until the next call on the same stream
  bool end_stream = false;              // true on the last chunk, which may be empty
  const FieldList* trailers = nullptr;  // on the last chunk only; valid as long as `data`
};

// Says that this is not an interim (1xx) response: 101 is the last head of its request (RFC 9110
// 15.2).
inline bool is_final(const ResponseHead& head) {
  return head.status >= 200 || head.status == 101;
}
// Recognises a response without an end of its own (text/event-stream).
bool is_event_stream(const ResponseHead& head);

bool iequals(std::string_view a, std::string_view b);

}  // namespace cutwater::http
