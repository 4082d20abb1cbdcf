// Tests what a request says about the client it comes from: it is taken away from strangers and
// believed of trusted proxies, and it decides something.
#include <fstream>

#include "tests/integration/http2_fixture.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::test {
namespace {

class ClientClaims : public Http2Edge {
 protected:
  ClientClaims() { setup.version("green", 0, {green.port()}); }
  void trust() { setup.trusted_proxies = {"127.0.0.0/8"}; }
  // Half of the addresses go to either version.
  void split_by_address() {
    split.service("shop").version("blue", 50, {blue.port()}).version("green", 50, {green.port()});
    split.sticky().key = config::Sticky::Key::ClientIp;
    split.trusted_proxies = {"127.0.0.0/8"};
    setup = split;
  }
  std::string version_for(const std::string& fields) {
    return get(port(), "/", fields).field("Cutwater-Version");
  }

  FakeUpstream green;
  ProxySetup split;
};

const std::vector<std::string> kFamilies = {
    "X-Forwarded-Port",    "X-Forwarded-Prefix",   "X-Forwarded-User",  "X-Forwarded",
    "X-Client-Cert",       "X-Client-Cert-Issuer", "X-SSL-Client-Cert", "X-Real-IP",
    "X-Original-URL",      "X-Original-Host",      "X-Rewrite-URL",     "X-Client-IP",
    "X-Cluster-Client-IP", "True-Client-IP",       "Front-End-Https",   "Forwarded"};

TEST_F(ClientClaims, OfAStrangerAreTakenAwayAndCounted) {
  std::string fields = "X-Client-Version: 7\r\nCF-Connecting-IP: 1.1.1.1\r\n";
  for (const std::string& name : kFamilies) fields += name + ": evil\r\n";
  fields += "True_Client_IP: evil\r\nX_Forwarded_Anything_At_All_Of_This_Kind: evil\r\n";
  EXPECT_EQ(get(port(), "/", fields).status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.head.raw.find("evil"), std::string::npos) << got.head.raw;
  EXPECT_EQ(got.field("X-Client-Version"), "7") << "an application's own";
  EXPECT_EQ(got.field("CF-Connecting-IP"), "1.1.1.1") << "a CDN's own";
  EXPECT_TRUE(eventually([&] { return proxy().totals().claims_taken["X-Forwarded-*"] >= 4; }));
  EXPECT_EQ(proxy().totals().claims_taken["True-Client-IP"], 2u);
}

TEST_F(ClientClaims, OfAStrangerAreTakenAwayOverHttp2) {
  H2Client client(port());
  client.answer(client.request(h2_get() + H2Fields{{"x-forwarded-port", "1"},
                                                   {"true-client-ip", "9.9.9.9"},
                                                   {"x-client-version", "7"}}));
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("X-Forwarded-Port"), "<none>");
  EXPECT_EQ(got.field("True-Client-IP"), "<none>");
  EXPECT_EQ(got.field("X-Client-Version"), "7");
}

TEST_F(ClientClaims, OfATrustedProxyPass) {
  trust();
  std::string fields;
  for (const std::string& name : kFamilies) fields += name + ": word\r\n";
  EXPECT_EQ(get(port(), "/", fields).status, 200);
  const Received got = blue.wait_for_request();
  for (const std::string& name : kFamilies) EXPECT_EQ(got.field(name), "word") << name;
  EXPECT_TRUE(proxy().totals().claims_taken.empty());
}

TEST_F(ClientClaims, AListenerMayKeepOne) {
  setup.keep_headers = {"True-Client-IP"};
  EXPECT_EQ(get(port(), "/",
                "true-client-ip: 1.1.1.1\r\nTrue_Client_IP: 2.2.2.2\r\n"
                "X-Real-IP: 3.3.3.3\r\n")
                .status,
            200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("True-Client-IP"), "1.1.1.1");
  EXPECT_EQ(got.field("True_Client_IP"), "<none>");
  EXPECT_EQ(got.field("X-Real-IP"), "<none>");
}

TEST_F(ClientClaims, APortDoesNotMakeAnotherClient) {
  split_by_address();
  const std::string home = version_for("X-Forwarded-For: 203.0.113.9\r\n");
  for (int port = 50000; port < 50016; ++port)
    EXPECT_EQ(version_for("X-Forwarded-For: 203.0.113.9:" + std::to_string(port) + "\r\n"), home);
}

TEST_F(ClientClaims, TheLogNamesTheClientOrThePeer) {
  trust();
  const std::string path = ::testing::TempDir() + "claims-" + std::to_string(blue.port()) + ".log";
  setup.access_log = {config::AccessLog::To::File, path};
  get(port(), "/", "X-Forwarded-For: [2001:db8::1]:443\r\n");
  get(port(), "/", "X-Forwarded-For: unknown\r\n");
  stop_proxy();
  std::ifstream in(path);
  std::string lines((std::istreambuf_iterator<char>(in)), {});
  EXPECT_NE(lines.find("\"client\":\"2001:db8::1\""), std::string::npos) << lines;
  EXPECT_NE(lines.find("\"client\":\"127.0.0.1\""), std::string::npos) << lines;
  std::remove(path.c_str());
}

TEST_F(ClientClaims, TheLogNamesTheClientOfTheWalkNotTheOneClaimed) {
  setup.trusted_proxies = {"127.0.0.0/8", "10.0.0.0/8"};
  const std::string path = ::testing::TempDir() + "walk-" + std::to_string(blue.port()) + ".log";
  setup.access_log = {config::AccessLog::To::File, path};
  get(port(), "/", "X-Forwarded-For: 6.6.6.6, 203.0.113.9:4711\r\nX-Forwarded-For: 10.1.2.3\r\n");
  stop_proxy();
  std::ifstream in(path);
  std::string lines((std::istreambuf_iterator<char>(in)), {});
  EXPECT_NE(lines.find("\"client\":\"203.0.113.9\""), std::string::npos) << lines;
  EXPECT_EQ(lines.find("6.6.6.6"), std::string::npos) << "what the client wrote itself";
  std::remove(path.c_str());
}

TEST_F(ClientClaims, OneThatNamesNobodyIsCounted) {
  trust();
  get(port(), "/", "X-Forwarded-For: 203.0.113.9\r\n");
  EXPECT_EQ(proxy().totals().unknown_clients, 0u);
  get(port(), "/", "X-Forwarded-For: unknown\r\n");
  get(port(), "/", "Forwarded: for=_hidden\r\n");
  EXPECT_EQ(proxy().totals().unknown_clients, 2u);
}

TEST_F(ClientClaims, TheBelievedSchemeDecidesAboutSecure) {
  trust();
  const auto cookie = [&](const std::string& fields) {
    return get(port(), "/", fields).field("Set-Cookie");
  };
  EXPECT_NE(cookie("X-Forwarded-Proto: https\r\n").find("Secure"), std::string::npos);
  EXPECT_EQ(blue.wait_for_request().field("X-Forwarded-Proto"), "https");
  EXPECT_NE(cookie("Forwarded: for=1.1.1.1;proto=https\r\n").find("Secure"), std::string::npos);
  EXPECT_EQ(blue.wait_for_request().field("X-Forwarded-Proto"), "https") << "the same to both";
  EXPECT_EQ(cookie("X-Forwarded-Proto: http\r\n").find("Secure"), std::string::npos);
  EXPECT_EQ(cookie("").find("Secure"), std::string::npos);
}

TEST_F(ClientClaims, TheSchemeOfAStrangerIsNotBelieved) {
  const auto answer = get(port(), "/", "X-Forwarded-Proto: https\r\n");
  EXPECT_EQ(answer.field("Set-Cookie").find("Secure"), std::string::npos);
}

TEST_F(ClientClaims, S47ConnectionDoesNotRemoveWhatTheSplitIsKeyedBy) {
  setup.sticky().key = config::Sticky::Key::Header;
  setup.sticky().name = "X-User-Id";
  EXPECT_EQ(get(port(), "/", "Connection: x-user-id, x-hop\r\nX-User-Id: 7\r\nX-Hop: 1\r\n").status,
            200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("X-User-Id"), "7");
  EXPECT_EQ(got.field("X-Hop"), "<none>");
}

TEST_F(ClientClaims, ViaIsTheListenersToSign) {
  EXPECT_EQ(get(port(), "/", "Via: 1.1 cdn\r\n").status, 200);
  EXPECT_EQ(blue.wait_for_request().field("Via"), "1.1 cdn");
}

TEST_F(ClientClaims, ThreeInARowAreNoLoop) {
  for (const std::string via : {"", "cutwater"}) {
    setup.via = via;
    Proxy last(setup);
    ProxySetup outer;
    outer.via = via;
    outer.version("last", 100, {last.port()});
    Proxy middle(outer);
    ProxySetup outermost;
    outermost.via = via;
    outermost.version("middle", 100, {middle.port()});
    Proxy first(outermost);
    EXPECT_EQ(get(first.port(), "/").status, 200) << via;
    EXPECT_EQ(blue.wait_for_request().field("Cutwater-Hops"), "3");
  }
}

}  // namespace
}  // namespace cutwater::test
