#include "proxy/http/header_rules.hpp"

#include <algorithm>
#include <array>

#include "proxy/http/response_fields.hpp"

namespace cutwater::http {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};
// Holds the registry of RFC 9110 15 and RFC 6585, in ascending order.
constexpr auto kReasons = std::to_array<Reason>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
});
static_assert(std::ranges::is_sorted(kReasons, {}, &Reason::status));

}  // namespace

void write_local_reply(const LocalReply& reply, HeadWriter& out) {
  out.put("HTTP/1.1 ");
  out.number(static_cast<std::uint64_t>(reply.status));
  out.put(" ");
  out.put(reason_phrase(reply.status));
  out.put("\r\n");
  write_local_fields(reply, out);
  if (reply.has_content()) out.content_length(reply.body.size());
  if (!reply.keep_alive) out.put("Connection: close\r\n");
  out.put("\r\n");
  if (reply.has_content() && !reply.head_request) out.put(reply.body);
}

std::string_view reason_phrase(int status) {
  const auto* found =
      std::lower_bound(kReasons.begin(), kReasons.end(), status,
                       [](const Reason& reason, int wanted) { return reason.status < wanted; });
  return found != kReasons.end() && found->status == status ? found->phrase : std::string_view();
}

}  // namespace cutwater::http
