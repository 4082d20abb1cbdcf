// Tests HTTP/2 header lists to heads, row by row of tests/HARDENING.md, section 3: what the grammar
// does not allow never becomes a request.
#include "proxy/http/h2/http2_head.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "proxy/http/grpc.hpp"
#include "proxy/http/header_rules.hpp"
#include "tests/support/h2_frames.hpp"

namespace cutwater::http {
namespace {

using namespace cutwater::test;
using namespace std::chrono_literals;

struct Read {
  std::vector<char> memory = std::vector<char>(20 * 1024);
  std::string cookie;
  std::unique_ptr<RequestHead> head = std::make_unique<RequestHead>();
  Verdict verdict;
};

std::unique_ptr<Read> read(const H2Fields& fields, bool end = true, bool tls = false) {
  auto result = std::make_unique<Read>();
  Http2RequestBuilder builder;
  static const HeadLimits limits;
  builder.start(result->memory, limits, result->cookie, *result->head);
  for (const auto& [name, value] : fields) builder.add(name, value);
  result->verdict = builder.finish(end, tls);
  return result;
}

int status_of(const H2Fields& fields, bool end = true, bool tls = false) {
  const auto result = read(fields, end, tls);
  return result->verdict.ok() ? 200 : result->verdict.status;
}

H2Fields without(H2Fields fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

H2Fields with(H2Fields fields, const std::string& name, const std::string& value) {
  for (auto& [key, old] : fields)
    if (key == name) old = value;
  return fields;
}

TEST(H2Request, AGetIsRead) {
  const auto result = read(h2_get("/a/b?c=d") + H2Fields{{"x", "y"}});
  ASSERT_TRUE(result->verdict.ok());
  const RequestHead& head = *result->head;
  EXPECT_EQ(head.method, Method::Get);
  EXPECT_EQ(head.path, "/a/b");
  EXPECT_EQ(head.query, "c=d");
  EXPECT_EQ(head.authority, "a");
  EXPECT_EQ(head.framing, Framing::None);
  EXPECT_EQ(head.major_version, 2);
  ASSERT_EQ(head.fields.size(), 1u);
}

TEST(H2Request, H01H02ControlCharactersAndBlanks) {
  for (const std::string& path : {std::string("/a\r\nX: y"), std::string("/a b"),
                                  std::string("/a\0b", 4), std::string("/a\x7f")})
    EXPECT_EQ(status_of(h2_get(path)), kMalformed) << path;
  for (const std::string& value :
       {std::string("x\r\nTransfer-Encoding: chunked\r\n\r\nGET /"), std::string("a\0b", 3),
        std::string("a\nb"), std::string(" a"), std::string("a\t")})
    EXPECT_EQ(status_of(h2_get() + H2Fields{{"x", value}}), kMalformed);
  for (const std::string name : {"X", "x y", "x:", "", "x\r"})
    EXPECT_EQ(status_of(h2_get() + H2Fields{{name, "y"}}), kMalformed) << name;
}

TEST(H2Request, H05H06ConnectionFieldsOfHttp1) {
  for (const std::string name :
       {"transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade"})
    EXPECT_EQ(status_of(h2_get() + H2Fields{{name, "chunked"}}), kMalformed) << name;
  EXPECT_EQ(status_of(h2_get() + H2Fields{{"te", "trailers"}}), 200);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{"te", "gzip"}}), kMalformed);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{"te", "trailers, deflate"}}), kMalformed);
}

TEST(H2Request, H07PseudoFields) {
  for (const std::string name : {":method", ":scheme", ":path"}) {
    EXPECT_EQ(status_of(without(h2_get(), name)), kMalformed) << name;
    EXPECT_EQ(status_of(h2_get() + H2Fields{{name, "GET"}}), kMalformed) << name << " twice";
  }
  EXPECT_EQ(status_of(h2_get() + H2Fields{{":x", "y"}}), kMalformed);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{":status", "200"}}), kMalformed);
  EXPECT_EQ(status_of(H2Fields{{"x", "y"}} + h2_get()), kMalformed) << "behind a regular field";
}

TEST(H2Request, H08AuthorityAndHost) {
  EXPECT_EQ(status_of(h2_get() + H2Fields{{"host", "a"}}), 200);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{"host", "b"}}), kMalformed);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{":authority", "a"}}), kMalformed);
  EXPECT_EQ(status_of(without(h2_get(), ":authority") + H2Fields{{"host", "b"}}), 200);
  EXPECT_EQ(status_of(without(h2_get(), ":authority")), kMalformed);
  EXPECT_EQ(status_of(with(h2_get(), ":authority", "u@a")), kMalformed);
  EXPECT_EQ(status_of(with(h2_get(), ":authority", "a/b")), kMalformed);
}

TEST(H2Request, H10Schemes) {
  for (const std::string scheme : {"https://evil/", "javascript", "ht tp", ""})
    EXPECT_EQ(status_of(with(h2_get(), ":scheme", scheme)), kMalformed) << scheme;
  EXPECT_EQ(status_of(h2_get(), true, true), kMalformed) << "http over TLS";
  EXPECT_EQ(status_of(with(h2_get(), ":scheme", "https"), true, true), 200);
}

TEST(H2Request, H11Paths) {
  for (const std::string path : {"", "p", "http://b/", "*", "/a#b", "/a\"b", "/%zz"})
    EXPECT_EQ(status_of(h2_get(path)), kMalformed) << path;
  EXPECT_EQ(status_of(with(h2_get("*"), ":method", "OPTIONS")), 200);
  EXPECT_EQ(status_of(h2_get("/" + std::string(9000, 'a'))), 414);
}

TEST(H2Request, H12Methods) {
  for (const std::string method : {"GET / HTTP/1.1\r\nHost: x", "GE T", "get", ""})
    EXPECT_EQ(status_of(with(h2_get(), ":method", method)), kMalformed) << method;
  EXPECT_EQ(status_of(with(h2_get(), ":method", "PURGE")), 200);
  EXPECT_EQ(status_of(with(h2_get(), ":method", "TRACE")), 405);
  EXPECT_EQ(status_of(with(h2_get(), ":method", std::string(33, 'A'))), 501);
}

TEST(H2Request, H14ContentLengths) {
  for (const std::string length : {"5, 5", "+5", "", "18446744073709551616", "0x5"})
    EXPECT_EQ(status_of(h2_post() + H2Fields{{"content-length", length}}, false), kMalformed);
  const H2Fields five{{"content-length", "5"}};
  EXPECT_EQ(status_of(h2_post() + five, false), 200);
  EXPECT_EQ(status_of(h2_post() + five + five, false), kMalformed);
  EXPECT_EQ(status_of(h2_post() + five, true), kMalformed) << "and then none of it";
}

TEST(H2Request, H15OneFraming) {
  EXPECT_EQ(read(h2_post(), false)->head->framing, Framing::Chunked);
  EXPECT_EQ(read(h2_post(), true)->head->framing, Framing::None);
  const auto sized = read(h2_post() + H2Fields{{"content-length", "5"}}, false);
  EXPECT_EQ(sized->head->framing, Framing::Length);
  EXPECT_EQ(sized->head->content_length, 5u);
}

TEST(H2Request, H16Connect) {
  const H2Fields connect{{":method", "CONNECT"}, {":authority", "a:80"}};
  EXPECT_EQ(status_of(connect), 405);
  EXPECT_EQ(status_of(without(connect, ":authority")), kMalformed);
  EXPECT_EQ(status_of(connect + H2Fields{{":path", "/"}, {":scheme", "http"}}), kMalformed);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{":protocol", "websocket"}}), kMalformed);
}

TEST(H2Request, AWebSocketBecomesAnUpgrade) {
  const auto result =
      read(with(h2_get("/chat"), ":method", "CONNECT") +
               H2Fields{{":protocol", "websocket"}, {"sec-websocket-version", "13"}},
           false);
  ASSERT_TRUE(result->verdict.ok());
  EXPECT_EQ(result->head->method, Method::Get);
  EXPECT_EQ(result->head->upgrade, "websocket");
  EXPECT_EQ(result->head->framing, Framing::None);
  EXPECT_EQ(status_of(with(h2_get(), ":method", "CONNECT") + H2Fields{{":protocol", "ftp"}}), 501);
}

TEST(H2Request, H29CookieCrumbsAreJoinedWithinTheLimit) {
  H2Fields fields = h2_get();
  for (int i = 0; i < 50; ++i) fields.emplace_back("cookie", "c" + std::to_string(i) + "=1");
  const auto result = read(fields);
  ASSERT_TRUE(result->verdict.ok());
  ASSERT_EQ(result->head->fields.size(), 1u);
  EXPECT_TRUE(result->head->fields[0].value.starts_with("c0=1; c1=1; "));
  for (int i = 0; i < 500; ++i) fields.emplace_back("cookie", "d=1");
  EXPECT_EQ(status_of(fields), 431);
}

TEST(H2Request, T29TooLarge) {
  H2Fields many = h2_get();
  for (int i = 0; i < 101; ++i) many.emplace_back("x", "y");
  EXPECT_EQ(status_of(many), 431);
  EXPECT_EQ(status_of(h2_get() + H2Fields{{"x", std::string(17'000, 'y')}}), 431);
}

TEST(H2Request, ReadsBackThroughTheHttp1Writer) {
  const auto result =
      read(h2_post() + H2Fields{{"x", "y"}, {"cookie", "a=1"}, {"cookie", "b=2"}}, false);
  ASSERT_TRUE(result->verdict.ok());
  std::vector<char> room(4096);
  HeadWriter out(room);
  write_upstream_request(*result->head, {.peer_ip = "192.0.2.1", .scheme = "http"}, out);
  const std::string text(out.text());
  EXPECT_TRUE(text.starts_with("POST /p HTTP/1.1\r\nHost: a\r\n")) << text;
  EXPECT_NE(text.find("cookie: a=1; b=2\r\n"), text.npos) << text;
  EXPECT_NE(text.find("Cutwater-Hops: 1\r\n"), text.npos) << text;
  EXPECT_NE(text.find("Transfer-Encoding: chunked\r\n"), text.npos) << text;
}

// --- responses ------------------------------------------------------------------------------

bool response(const H2Fields& fields, ResponseHead& head, bool end = false,
              Method method = Method::Get) {
  static std::vector<char> memory(64 * 1024);
  Http2ResponseBuilder builder;
  builder.start(memory, 100, head);
  for (const auto& [name, value] : fields) builder.add(name, value);
  return builder.finish(end, method);
}

TEST(H2Response, StatusAndFraming) {
  const auto head = std::make_unique<ResponseHead>();
  EXPECT_TRUE(response({{":status", "200"}, {"content-length", "5"}}, *head));
  EXPECT_EQ(head->framing, Framing::Length);
  EXPECT_TRUE(response({{":status", "200"}}, *head));
  EXPECT_EQ(head->framing, Framing::Chunked);
  EXPECT_TRUE(response({{":status", "204"}}, *head, true));
  EXPECT_EQ(head->framing, Framing::None);
  EXPECT_TRUE(response({{":status", "200"}, {"content-length", "5"}}, *head, true, Method::Head));
  EXPECT_EQ(head->framing, Framing::None);
}

TEST(H2Response, WhatIsMalformed) {
  const auto head = std::make_unique<ResponseHead>();
  for (const std::string status : {"", "20", "2000", "abc", "099", "600", "101"})
    EXPECT_FALSE(response({{":status", status}}, *head)) << status;
  EXPECT_FALSE(response({{"x", "y"}}, *head));
  EXPECT_FALSE(response({{":status", "200"}, {"connection", "close"}}, *head));
  EXPECT_FALSE(response({{":status", "200"}, {"x", "a\r\nb"}}, *head));
  EXPECT_FALSE(response({{":status", "200"}, {"content-length", "5"}}, *head, true));
  EXPECT_FALSE(response({{":status", "200"}, {":status", "200"}}, *head));
}

TEST(H2Trailers, NothingThatFramesOrRoutes) {
  std::vector<char> memory(1024);
  Http2Text text;
  text.start(memory);
  const auto fields = std::make_unique<FieldList>();
  EXPECT_TRUE(add_trailer("grpc-status", "0", text, *fields));
  EXPECT_TRUE(add_trailer("host", "evil", text, *fields));
  EXPECT_TRUE(add_trailer("x-forwarded-for", "9.9.9.9", text, *fields));
  EXPECT_TRUE(add_trailer("cookie", "a=b", text, *fields));
  EXPECT_TRUE(add_trailer("authorization", "x", text, *fields));
  EXPECT_FALSE(add_trailer(":path", "/", text, *fields));
  ASSERT_EQ(fields->size(), 1u);
  EXPECT_EQ((*fields)[0].value, "0");
}

// --- gRPC -----------------------------------------------------------------------------------

FieldList one(std::string_view name, std::string_view value) {
  FieldList fields;
  fields.push_back({name, value, field_id(name)});
  return fields;
}

TEST(Grpc, IsKnownByItsContentType) {
  EXPECT_TRUE(is_grpc(one("content-type", "application/grpc")));
  EXPECT_TRUE(is_grpc(one("content-type", "application/grpc+proto")));
  EXPECT_FALSE(is_grpc(one("content-type", "application/grpc-web")));
  EXPECT_FALSE(is_grpc(one("content-type", "application/json")));
}

TEST(Grpc, StatusAndTimeout) {
  EXPECT_EQ(grpc_status(one("grpc-status", "14")), 14u);
  EXPECT_EQ(grpc_status(one("grpc-status", "99")), 2u) << "UNKNOWN";
  EXPECT_EQ(grpc_status(one("grpc-status", "x")), std::nullopt);
  EXPECT_EQ(grpc_timeout(one("grpc-timeout", "100m")), Nanoseconds(100ms));
  EXPECT_EQ(grpc_timeout(one("grpc-timeout", "2S")), Nanoseconds(2s));
  EXPECT_EQ(grpc_timeout(one("grpc-timeout", "99999999H")), Nanoseconds(24h));
  EXPECT_EQ(grpc_timeout(one("grpc-timeout", "123456789m")), std::nullopt);
  EXPECT_EQ(grpc_timeout(one("grpc-timeout", "5")), std::nullopt);
  EXPECT_EQ(grpc_timeout(one("grpc-timeout", "5x")), std::nullopt);
}

}  // namespace
}  // namespace cutwater::http
