// Computes HMAC-SHA-256 (RFC 2104, FIPS 198-1) of many short messages under one key: the key's two
// compressions are done once, so a message of up to 55 bytes costs two. It does not allocate,
// unlike EVP_MAC. It is immutable after construction, so any thread may use it.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <span>

namespace cutwater::routing {

class HmacSha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  explicit HmacSha256(std::span<const std::uint8_t> key);  // any length
  Digest operator()(std::span<const std::uint8_t> message) const;

 private:
  SHA256_CTX inner_;  // after key ^ ipad
  SHA256_CTX outer_;  // after key ^ opad
};

}  // namespace cutwater::routing
