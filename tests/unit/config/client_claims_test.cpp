#include "config/client_claims.hpp"

#include <gtest/gtest.h>

namespace cutwater::config {
namespace {

TEST(ClientClaims, AreFamiliesOfNames) {
  for (const char* name : {"X-Forwarded-For",
                           "X-Forwarded-Port",
                           "x-forwarded-prefix",
                           "X-Forwarded",
                           "X-Forwarded-User",
                           "X-Forwarded-Client-Cert",
                           "X-Forwarded-Anything-Somebody-Invents",
                           "X-Client-Cert",
                           "X-Client-Cert-Issuer",
                           "X-Client-Cert-Chain",
                           "X-SSL-Client-Cert",
                           "X-SSL-Cipher",
                           "X-SSL-DN",
                           "x_ssl_id",
                           "X-Real-IP",
                           "X-Original-URL",
                           "X-Original-Host",
                           "X-Rewrite-URL",
                           "X-Client-IP",
                           "X-Cluster-Client-IP",
                           "True-Client-IP",
                           "FRONT-END-HTTPS",
                           "Forwarded",
                           "X_Forwarded_Port",
                           "true_client-ip",
                           "x_ssl_client_cert",
                           "X-Forwarded_Anything_Somebody_Invents"})
    EXPECT_NE(client_claim(name), ClientClaim::None) << name;
}

TEST(ClientClaims, AreNotWhatOnlyLooksLikeThem) {
  for (const char* name :
       {"X-Client-Version", "X-Forward", "Forwarded-For", "X-SSL", "X-Real-IPs", "X-Original-URI",
        "X-Original", "X-Client-Id", "X-Client-IP-2", "True-Client-IP-X", "CF-Connecting-IP",
        "X-Envoy-External-Address", "Fastly-Client-IP", "X-Host", "X", "", "X-", "XForwardedFor"})
    EXPECT_EQ(client_claim(name), ClientClaim::None) << name;
}

TEST(ClientClaims, HaveLabelsOfTheirOwn) {
  EXPECT_EQ(to_string(client_claim("x-forwarded-port")), "X-Forwarded-*");
  EXPECT_EQ(to_string(client_claim("true-client-ip")), "True-Client-IP");
}

}  // namespace
}  // namespace cutwater::config
