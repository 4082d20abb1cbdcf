// Tests what is no endpoint, where a person may have meant one.
#include "reading.hpp"

namespace cutwater::config {
namespace {

TEST(Endpoint, AUnixSocketIsSaidToBeUnsupported) {
  EXPECT_THAT(
      problems_in("listeners: [{listen: \"0.0.0.0:8080\"}]\n"
                  "services: {s: {versions: {v: \"unix:/run/app.sock\"}}}\n"),
      testing::ElementsAre("2:30: endpoint `unix:/run/app.sock`: unix sockets are not supported as "
                           "endpoints; let the upstream listen on 127.0.0.1 and write "
                           "http://127.0.0.1:PORT"));
}

}  // namespace
}  // namespace cutwater::config
