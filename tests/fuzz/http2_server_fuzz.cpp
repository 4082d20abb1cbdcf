// Feeds bytes of a client into an HTTP/2 server connection, with an exchange that reads the body
// and answers. Whatever comes, the connection ends, no head holds anything that would break a line
// of HTTP/1, and what is written back is whole frames.
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "fuzz_check.hpp"
#include "proxy/http/h2/http2_server.hpp"
#include "proxy/http/header_rules.hpp"

using namespace cutwater;
using namespace cutwater::http;

namespace {

void check_head(const RequestHead& head) {
  std::vector<char> room(64 * 1024);
  HeadWriter out(room);
  write_upstream_request(head, {.peer_ip = "192.0.2.1", .scheme = "http"}, out);
  fuzz::check(!out.overflow(), "head fits");
  RequestHead again;
  HeadScanner scanner;
  const ParseState state = scanner.parse_request(out.text(), {64 * 1024, 200, 16 * 1024}, again);
  if (state.bad == BadHead::Loop) return;  // one hop more
  fuzz::check(state.kind == ParseState::Kind::Complete, "written head is accepted");
  fuzz::check(state.head_bytes == out.text().size(), "one request and nothing behind it");
  fuzz::check(again.framing == head.framing, "same framing");
}

Task<void> answer(DownstreamStream& stream) {
  check_head(stream.head());
  for (bool end = false; !end;) {
    const auto chunk = co_await stream.read_body();
    if (!chunk) co_return stream.reset();
    end = chunk->end_stream;
  }
  [[maybe_unused]] const auto sent = co_await stream.reply_locally(200, "ok", "id");
}

Task<void> serve(ServerContext& context, net::Transport& transport) {
  Http2ServerConnection connection(context, transport, {"192.0.2.1", false, "http"});
  co_await connection.serve({});
  context.loop.stop();
}

void check_output(int fd) {
  std::string bytes;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
    bytes.append(buffer, static_cast<std::size_t>(n));
  std::size_t at = 0;
  while (bytes.size() - at >= 9) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
    const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    fuzz::check(size <= 16'384, "no frame is larger than the peer allows");
    if (bytes.size() - at < 9 + size) break;
    at += 9 + size;
  }
  fuzz::check(at == bytes.size(), "whole frames");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return 0;
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  [[maybe_unused]] ssize_t ignored = ::write(ends[1], kPreface.data(), kPreface.size());
  ignored = ::write(ends[1], data, size);
  ::shutdown(ends[1], SHUT_WR);

  net::EventLoop loop;
  config::Limits limits;
  limits.client_write_stall = Milliseconds(20);
  net::BlockPool heads(20 * 1024, 4);
  net::BlockPool bodies(64 * 1024, 4);
  std::vector<char> scratch(64 * 1024);
  Http2StreamPool streams;
  ServerContext context{.loop = loop,
                        .limits = limits,
                        .head_blocks = heads,
                        .body_blocks = bodies,
                        .scratch = scratch,
                        .run_exchange = &answer,
                        .on_bad_request = [](const ClientInfo&, BadHead, int) {},
                        .http2_streams = &streams,
                        .on_http2_abuse = [](Http2Abuse) {},
                        .on_refused_stream = [] {}};
  net::Transport transport(loop, ends[0]);
  spawn(serve(context, transport));
  loop.run();
  check_output(ends[1]);
  ::close(ends[1]);
  return 0;
}
