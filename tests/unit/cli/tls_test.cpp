// The command line and the admin API over https, each against the other.
#include <gtest/gtest.h>

#include "proxy/net/tls_server_context.hpp"
#include "tests/support/tls.hpp"
#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

class AdminTls : public testing::Test {
 protected:
  void serve(const test::IssuedCert& certificate, const std::string& client_ca = "") {
    config::ListenerTls tls;
    tls.certificates = {certificate.files()};
    tls.client_ca = client_ca;
    auto loaded = net::TlsServerContext::load("(admin)", tls, {});
    ASSERT_TRUE(std::holds_alternative<std::shared_ptr<const net::TlsServerContext>>(loaded));
    admin.on_control([&] {
      admin.server.use_tls(std::get<std::shared_ptr<const net::TlsServerContext>>(loaded));
    });
  }
  Ran status(std::map<std::string, std::string> environment,
             const std::string& host = "127.0.0.1") {
    environment["CUTWATER_ADMIN"] = "https://" + host + ":" + std::to_string(admin.address.port);
    environment["CUTWATER_TOKEN"] = "deployer-secret";
    return run({"rollback", "shop"}, {environment});
  }

  test::TestAuthority authority;
  RunningAdmin admin{admin_with_tokens()};
  const test::IssuedCert ours = authority.issue({.names = {"127.0.0.1"}});
};

TEST_F(AdminTls, TheTokenTravelsEncryptedToAVerifiedProxy) {
  serve(ours);
  const Ran ran = status({{"CUTWATER_CA", authority.ca_path()}});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(admin.last_asked().substr(0, 13), "rollback shop");
  EXPECT_EQ(run({"rollback", "shop", "--ca", authority.ca_path()},
                {{{"CUTWATER_ADMIN", "https://127.0.0.1:" + std::to_string(admin.address.port)},
                  {"CUTWATER_TOKEN", "deployer-secret"}}})
                .exit_code,
            0);
}

TEST_F(AdminTls, AnAuthorityOrNameThatDoesNotFitEndsBeforeTheToken) {
  serve(ours);
  const test::TestAuthority other("Other CA");
  for (const Ran& ran : {status({}), status({{"CUTWATER_CA", other.ca_path()}}),
                         status({{"CUTWATER_CA", authority.ca_path()}}, "localhost")}) {
    EXPECT_EQ(ran.exit_code, kUnreachable);
    EXPECT_NE(ran.err.find("is not believed"), ran.err.npos) << ran.err;
  }
  EXPECT_EQ(status({{"CUTWATER_CA", "/no/such/file"}}).exit_code, kUsage);
  EXPECT_TRUE(admin.fake.asked.empty());
}

TEST_F(AdminTls, WhoSpeaksInClearGetsNothing) {
  serve(ours);
  EXPECT_EQ(run_at(admin, {"rollback", "shop"}).exit_code, kUnreachable);
  EXPECT_TRUE(admin.fake.asked.empty());
}

TEST_F(AdminTls, NewConnectionsGetARenewedCertificate) {
  serve(ours);
  serve(authority.issue({.names = {"localhost"}}));
  EXPECT_EQ(status({{"CUTWATER_CA", authority.ca_path()}}, "localhost").exit_code, 0);
}

TEST_F(AdminTls, ACertificateMayBeAskedOfCallers) {
  serve(ours, authority.ca_path());
  const test::IssuedCert bot = authority.issue({.common_name = "bot"});
  EXPECT_EQ(status({{"CUTWATER_CA", authority.ca_path()}}).exit_code, kUnreachable);
  EXPECT_EQ(status({{"CUTWATER_CA", authority.ca_path()},
                    {"CUTWATER_CLIENT_CERT", bot.cert_path},
                    {"CUTWATER_CLIENT_KEY", bot.key_path}})
                .exit_code,
            0);
}

}  // namespace
}  // namespace cutwater::cli
