#include "tests/support/raw_client.hpp"

namespace cutwater::test {

RawClient& RawClient::send(std::string_view bytes, std::chrono::milliseconds within) {
  stream_.send(bytes, within);
  return *this;
}

RawClient& RawClient::send_byte_by_byte(std::string_view bytes) {
  stream_.send_byte_by_byte(bytes);
  return *this;
}

Response RawClient::read_response_head(std::chrono::milliseconds within) {
  auto head = reader_.read_head(within);
  if (!head) throw TestFailure("the proxy closed the connection without a response");
  Response response;
  response.head = std::move(*head);
  const std::string& line = response.head.start_line;
  if (line.size() < 12 || !line.starts_with("HTTP/1."))
    throw TestFailure("not a status line: \"" + line + "\"");
  response.status = std::stoi(line.substr(9, 3));
  return response;
}

Response RawClient::read_response(To method, std::chrono::milliseconds within) {
  Response response = read_response_head(within);
  const bool no_body = method == To::Head || response.status < 200 || response.status == 204 ||
                       response.status == 304;
  if (no_body) {
    response.complete = true;
  } else if (response.head.field("Content-Length") || response.head.field("Transfer-Encoding")) {
    const auto body = reader_.read_body(response.head, within);
    response.complete = body.has_value();
    response.body = body ? *body : reader_.buffered();
    if (response.head.field("Transfer-Encoding")) response.trailers = reader_.trailers();
  } else {
    const auto [body, end] = reader_.read_to_end(within);
    response.complete = end == TcpStream::End::Fin;
    response.body = body;
  }
  return response;
}

std::string RawClient::read_until_close(std::chrono::milliseconds within) {
  return reader_.read_to_end(within).first;
}

TcpStream::End RawClient::how_it_ends(std::chrono::milliseconds within) {
  return reader_.read_to_end(within).second;
}

Response get(std::uint16_t port, std::string_view target, std::string_view more_fields) {
  RawClient client(port);
  client.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
              std::string(more_fields) + "\r\n");
  return client.read_response();
}

}  // namespace cutwater::test
