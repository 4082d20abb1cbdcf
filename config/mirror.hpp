// Shadow traffic as written: copies of a share of the requests for one version, whose answers
// nobody sees. What is done with it is proxy/exchange/mirror.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/share.hpp"

namespace cutwater::config {

struct Mirror {
  std::string version;
  Share share = Share::percent(100);
  // Safe ones (RFC 9110 9.2.1): a copied POST would buy twice.
  std::vector<std::string> methods = {"GET", "HEAD", "OPTIONS"};
  std::uint64_t max_body = 64 * 1024;  // a longer request body is not copied
  std::uint32_t concurrency = 64;      // copies under way; what is beyond is dropped
};

}  // namespace cutwater::config
