// Holds what the HTTP/2 edge tests share: the service "shop" behind the scripted HTTP/1 upstream
// `blue`, and a client that speaks frames.
#pragma once

#include "tests/integration/edge_fixture.hpp"
#include "tests/support/h2_frames.hpp"

namespace cutwater::test {

class Http2Edge : public Edge {
 protected:
  // Nothing of a refused request reached the upstream, and the proxy is well.
  void expect_nothing_upstream_and_well() {
    EXPECT_EQ(blue.requests(), 0u);
    H2Client next(port());
    EXPECT_EQ(next.get("/next").status, 200);
  }
  std::uint64_t abuses(const std::string& reason) {
    const auto totals = proxy().totals();
    const auto found = totals.http2_abuses.find(reason);
    return found == totals.http2_abuses.end() ? 0 : found->second;
  }
  // The connection ends with this code, counted by this name.
  void expect_ended(H2Client& client, std::uint32_t code, const std::string& reason) {
    EXPECT_EQ(client.goaway(), code);
    EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
    EXPECT_EQ(abuses(reason), 1u) << reason;
  }
};

}  // namespace cutwater::test
