// Tests certificate files as operators leave them: what is told, and that the file is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/net/tls_client_context.hpp"
#include "proxy/net/tls_server_context.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CertificateFiles : public testing::Test {
 protected:
  static net::TlsServerContext::Loaded load(const config::CertificateFiles& files,
                                            const std::string& client_ca = "") {
    config::ListenerTls tls;
    tls.certificates = {files};
    tls.client_ca = client_ca;
    return net::TlsServerContext::load("https", tls, {});
  }
  static net::TlsClientContext::Loaded load_authorities(const std::string& path) {
    config::UpstreamTls tls;
    tls.ca = path;
    return net::TlsClientContext::load(tls, {});
  }
  std::string problem_with(const config::CertificateFiles& files) {
    auto loaded = load(files);
    const auto* problem = std::get_if<net::Problem>(&loaded);
    return problem ? problem->text : "";
  }
  std::string write(const std::string& name, const std::string& text) {
    return authority.directory().write(name, text);
  }
  static std::string text_of(const std::string& path) {
    return std::get<std::string>(net::read_file(path));
  }

  TestAuthority authority;
  IssuedCert good = authority.issue({.names = {"shop.test"}});
};

TEST_F(CertificateFiles, AGoodPairIsGood) {
  EXPECT_EQ(problem_with(good.files()), "");
}

TEST_F(CertificateFiles, OneFileMayHoldBoth) {
  const std::string both = write("both.pem", text_of(good.key_path) + text_of(good.cert_path));
  EXPECT_EQ(problem_with({both, {}, {}}), "");
}

TEST_F(CertificateFiles, AMissingFileIsNamed) {
  EXPECT_THAT(problem_with({"/nowhere/shop.pem", good.key_path, {}}),
              AllOf(HasSubstr("`/nowhere/shop.pem`"), HasSubstr("No such file")));
  EXPECT_THAT(problem_with({good.cert_path, "/nowhere/shop.key", {}}),
              HasSubstr("`/nowhere/shop.key`"));
}

TEST_F(CertificateFiles, WhatIsNoPemIsTold) {
  EXPECT_THAT(problem_with({write("x.pem", "nothing"), good.key_path, {}}),
              HasSubstr("no certificate in PEM"));
  EXPECT_THAT(problem_with({good.cert_path, write("x.key", "nothing"), {}}),
              HasSubstr("no private key in PEM"));
}

TEST_F(CertificateFiles, AKeyOfAnotherCertificateIsTold) {
  const IssuedCert other = authority.issue({.names = {"other.test"}});
  EXPECT_THAT(problem_with({good.cert_path, other.key_path, {}}),
              AllOf(HasSubstr("does not belong to"), HasSubstr(good.cert_path)));
}

TEST_F(CertificateFiles, AKeyThatEverybodyMayReadIsRefused) {
  const std::string open = authority.directory().write("open.key", text_of(good.key_path), 0644);
  EXPECT_THAT(problem_with({good.cert_path, open, {}}), HasSubstr("chmod o-r"));
}

TEST_F(CertificateFiles, AnOcspFileMustBeAnAnswer) {
  EXPECT_THAT(problem_with({good.cert_path, good.key_path, write("x.ocsp", "nothing")}),
              HasSubstr("OCSP"));
}

TEST_F(CertificateFiles, AnAuthorityFileWithoutAuthoritiesIsTold) {
  auto server = load(good.files(), write("ca.txt", "nothing"));
  ASSERT_TRUE(std::holds_alternative<net::Problem>(server));
  auto client = load_authorities("/nowhere/ca.pem");
  ASSERT_TRUE(std::holds_alternative<net::Problem>(client));
  EXPECT_THAT(std::get<net::Problem>(client).text, HasSubstr("/nowhere/ca.pem"));
}

TEST_F(CertificateFiles, ARevocationListMustBeOneAndInForce) {
  const auto problem = [](const std::string& path) {
    auto lists = net::load_revocations(path);
    const auto* found = std::get_if<net::Problem>(&lists);
    return found ? found->text : "";
  };
  EXPECT_EQ(problem(authority.revoke({good}, "now.crl")), "");
  EXPECT_THAT(problem(authority.revoke({good}, "old.crl", -1)),
              HasSubstr("old.crl`: a revocation list is out of date"));
  EXPECT_THAT(problem(write("x.crl", "nothing")), HasSubstr("no revocation list in PEM"));
  EXPECT_THAT(problem("/nowhere/x.crl"), HasSubstr("/nowhere/x.crl"));
}

TEST_F(CertificateFiles, SayWhenTheyRunOut) {
  auto loaded = load(good.files());
  const auto& facts =
      std::get<std::shared_ptr<const net::TlsServerContext>>(loaded)->certificates();
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0].name, "shop.test");
  EXPECT_NEAR(static_cast<double>(facts[0].not_after),
              static_cast<double>(time(nullptr)) + 30 * 86400, 60);
}

// --- ticket keys ------------------------------------------------------------------------------

TEST(TicketKeys, SealForAPeriodAndOpenForTwoMore) {
  net::TicketKeys keys;
  const TimePoint start{};
  const net::TicketKey first = keys.sealing(start);
  const auto opens = [&](Nanoseconds after) { return keys.opening(first.name, start + after); };
  EXPECT_EQ(keys.sealing(start + net::TicketKeys::kPeriod - Seconds(1)).name, first.name);
  ASSERT_TRUE(opens(Seconds(1)));
  EXPECT_FALSE(opens(Seconds(1))->renew);
  EXPECT_NE(keys.sealing(start + net::TicketKeys::kPeriod).name, first.name);
  ASSERT_TRUE(opens(net::TicketKeys::kPeriod));
  EXPECT_TRUE(opens(net::TicketKeys::kPeriod)->renew);
  EXPECT_TRUE(opens(3 * net::TicketKeys::kPeriod - Seconds(1)));
  EXPECT_FALSE(opens(3 * net::TicketKeys::kPeriod));
}

TEST(TicketKeys, AreGoneAfterAQuietNight) {
  net::TicketKeys keys;
  const TimePoint start{};
  const net::TicketKey first = keys.sealing(start);
  EXPECT_FALSE(keys.opening(first.name, start + 10 * net::TicketKeys::kPeriod));
}

}  // namespace
}  // namespace cutwater::test
