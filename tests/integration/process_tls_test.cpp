// Tests TLS as the operator meets it: files that are wrong at start, certificates renewed under
// traffic, by file and by reload.
#include <gtest/gtest.h>

#include "tests/support/process.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {
namespace {

class TlsProcess : public testing::Test {
 protected:
  ShopFile file_with(const IssuedCert& certificate) {
    ShopFile file(blue, green);
    file.listener = ", tls: {certificates: [{cert: " + certificate.cert_path +
                    ", key: " + certificate.key_path + "}]}";
    return file;
  }
  std::string served(const CutwaterProcess& cutwater) {
    const TcpStream stream = TlsDialer(authority).connect(cutwater.port(), "shop.test");
    return net::subject_of(SSL_get0_peer_certificate(stream.tls()));
  }
  bool comes_to_serve(const CutwaterProcess& cutwater, const std::string& subject) {
    return eventually([&] { return served(cutwater) == subject; });
  }
  double metric(const CutwaterProcess& cutwater, const std::string& name) {
    const std::string text = cutwater.admin().get("/metrics").text;
    const auto at = text.find("\n" + name + "{");
    if (at == text.npos) throw TestFailure(name + " is not there");
    return std::stod(text.substr(text.find("} ", at) + 2));
  }

  FakeUpstream blue, green;
  TestAuthority authority;
  IssuedCert shop = authority.issue({.names = {"shop.test"}, .common_name = "first"});
};

TEST_F(TlsProcess, ABadCertificateAtStartEndsWith2AndNamesTheFile) {
  const IssuedCert other = authority.issue({.names = {"other.test"}});
  TempDir scratch;
  const std::string path = scratch.file("cutwater.yaml");
  write_file(path, file_with({shop.cert_path, other.key_path}).text(scratch.file("state")));
  for (const char* command : {"run", "check"}) {
    const Finished refused = run_cutwater({command, "-c", path});
    const std::string said = refused.out + refused.err;
    EXPECT_EQ(refused.exit_code, 2) << said;
    EXPECT_NE(said.find(other.key_path), said.npos) << said;
    EXPECT_NE(said.find("does not belong to the certificate"), said.npos) << said;
  }
}

TEST_F(TlsProcess, RenewedFilesAreServedWithoutDroppingAConnection) {
  CutwaterProcess cutwater(file_with(shop));
  RawClient old(TlsDialer(authority).connect(cutwater.port(), "shop.test"));
  EXPECT_EQ(served(cutwater), "CN=first");
  authority.renew(shop, {.names = {"shop.test"}, .common_name = "second", .days_to = 60});
  EXPECT_TRUE(comes_to_serve(cutwater, "CN=second"));
  EXPECT_EQ(metric(cutwater, "cutwater_tls_certificate_reload_success"), 1);
  EXPECT_NEAR(metric(cutwater, "cutwater_tls_certificate_expiry_seconds"),
              static_cast<double>(time(nullptr)) + 60 * 86400, 120);
  old.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
  EXPECT_EQ(old.read_response().status, 200);
}

TEST_F(TlsProcess, WhoIsRevokedWhileItRunsIsNoLongerLetIn) {
  const IssuedCert alice = authority.issue({.common_name = "Alice"});
  ShopFile file = file_with(shop);
  file.listener.insert(file.listener.rfind('}'),
                       ", client_ca: " + authority.ca_path() +
                           ", client_crl: " + authority.revoke({}, "clients.crl", 60));
  CutwaterProcess cutwater(file);
  const TlsDialer dialer = TlsDialer(authority).only(TLS1_2_VERSION).certificate(alice);
  const auto is_let_in = [&] {
    try {
      return dialer.connect(cutwater.port(), "shop.test").is_open();
    } catch (const TestFailure&) {
      return false;
    }
  };
  EXPECT_TRUE(is_let_in());
  EXPECT_NEAR(metric(cutwater, "cutwater_tls_crl_expiry_seconds"),
              static_cast<double>(time(nullptr)) + 60 * 86400, 120);
  authority.revoke({alice}, "clients.crl", 60);
  EXPECT_TRUE(eventually([&] { return !is_let_in(); }));
}

TEST_F(TlsProcess, BadFilesLaterLeaveTheOldOnesInUseAndAMetricSaysSo) {
  CutwaterProcess cutwater(file_with(shop));
  const std::string good = read_file(shop.key_path);
  write_file(shop.key_path, "rubbish");
  EXPECT_TRUE(
      eventually([&] { return metric(cutwater, "cutwater_tls_certificate_reload_success") == 0; }));
  EXPECT_EQ(served(cutwater), "CN=first");
  EXPECT_NE(cutwater.run({"reload"}).exit_code, 0) << "by hand it is refused, too";
  EXPECT_EQ(served(cutwater), "CN=first");
  write_file(shop.key_path, good);
  EXPECT_TRUE(
      eventually([&] { return metric(cutwater, "cutwater_tls_certificate_reload_success") == 1; }));
}

TEST_F(TlsProcess, AReloadMayNameOtherFiles) {
  CutwaterProcess cutwater(file_with(shop));
  cutwater.rewrite_config(
      file_with(authority.issue({.names = {"shop.test"}, .common_name = "moved"})));
  EXPECT_EQ(cutwater.run({"reload"}).exit_code, 0);
  EXPECT_TRUE(comes_to_serve(cutwater, "CN=moved"));
}

}  // namespace
}  // namespace cutwater::test
