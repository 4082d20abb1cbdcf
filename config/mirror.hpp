// Holds shadow traffic as written: copies of a share of the requests for one version, whose answers
// nobody sees. proxy/exchange/mirror.hpp says what is done with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/share.hpp"

namespace cutwater::config {

struct Mirror {
  std::string version;
  Share share = Share::percent(100);
  // The default is the safe methods (RFC 9110 9.2.1), because a copied POST would buy twice.
  std::vector<std::string> methods = {"GET", "HEAD", "OPTIONS"};
  std::uint64_t max_body = 64 * 1024;  // a longer request body is not copied
  std::uint32_t concurrency = 64;      // copies under way; further copies are dropped
};

}  // namespace cutwater::config
