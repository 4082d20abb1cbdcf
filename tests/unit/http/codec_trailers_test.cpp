// Tests which trailer fields may cross, and who asks for them.
#include "codec_support.hpp"
#include "proxy/http/h1/head_grammar.hpp"
#include "proxy/http/trailers.hpp"

namespace cutwater::http::test {
namespace {

bool may_trail(std::string_view name) {
  return http::may_trail({name, "x", identify_field(name)});
}

TEST(CodecTrailers, WhatIsKnownAtTheEndMayTrail) {
  for (const char* name : {"grpc-status", "grpc-message", "Grpc-Status-Details-Bin", "ETag", "Date",
                           "Server-Timing", "Digest", "X-Checksum", "Authentication-Info"})
    EXPECT_TRUE(may_trail(name)) << name;
}

TEST(CodecTrailers, S37WhatFramesRoutesAuthenticatesOrIsOursMayNot) {
  for (const char* name : {"Content-Length",
                           "Transfer-Encoding",
                           "Trailer",
                           "TE",
                           "Host",
                           "Connection",
                           "Keep-Alive",
                           "Upgrade",
                           "Proxy-Connection",
                           "Via",
                           "Forwarded",
                           "Alt-Svc",
                           "Max-Forwards",
                           "Expect",
                           "Authorization",
                           "WWW-Authenticate",
                           "Proxy-Authorization",
                           "Proxy-Authenticate",
                           "Cookie",
                           "Set-Cookie",
                           "Content-Encoding",
                           "Content-Type",
                           "Content-Range",
                           "Range",
                           "If-Match",
                           "If-None-Match",
                           "Cache-Control",
                           "Age",
                           "Expires",
                           "Vary",
                           "Location",
                           "Retry-After",
                           "X-Forwarded-For",
                           "X-Forwarded-Proto",
                           "X-Forwarded-Host",
                           "X-Forwarded-Port",
                           "X-Real-IP",
                           "X-Request-ID",
                           "X-Client-Cert-Subject",
                           "X-Client-Cert-Fingerprint",
                           "X-Client-Cert-Chain",
                           "X-Shadow",
                           "traceparent",
                           "tracestate",
                           "Proxy",
                           "Sec-WebSocket-Accept"})
    EXPECT_FALSE(may_trail(name)) << name;
}

TEST(CodecTrailers, NeitherSmallLettersNorUnderscoresGetThemThrough) {
  for (const char* name :
       {"authorization", "AUTHORIZATION", "content_length", "X_Forwarded_For", "x_forwarded_port",
        "X_Client_Cert_Chain", "if_match", "www_authenticate"})
    EXPECT_FALSE(may_trail(name)) << name;
}

TEST(CodecTrailers, AreAskedForByOneElementOfTe) {
  const auto asks = [](std::string_view te) {
    FieldList fields;
    fields.push_back({"TE", te, FieldId::Te});
    return asks_for_trailers(fields);
  };
  EXPECT_TRUE(asks("trailers"));
  EXPECT_TRUE(asks("gzip;q=0.5, Trailers"));
  EXPECT_FALSE(asks("trailers;q=0"));
  EXPECT_FALSE(asks("gzip"));
  EXPECT_FALSE(asks(""));
  EXPECT_FALSE(asks_for_trailers(FieldList()));
}

TEST(CodecTrailers, AreWrittenAsLinesAndTheEmptyOne) {
  FieldList fields;
  fields.push_back({"a", "b"});
  fields.push_back({"C", ""});
  std::string out = "0\r\n";
  append_trailers(fields, out);
  EXPECT_EQ(out, "0\r\na: b\r\nC: \r\n\r\n");
}

}  // namespace
}  // namespace cutwater::http::test
