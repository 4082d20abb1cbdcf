// The low-level SHA256_* are deprecated in OpenSSL 3 in favour of EVP, which can copy a keyed state
// only by allocating.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proxy/routing/hmac_sha256.hpp"

#include <algorithm>

namespace cutwater::routing {

HmacSha256::HmacSha256(std::span<const std::uint8_t> key) {
  std::array<std::uint8_t, SHA256_CBLOCK> block{};
  if (key.size() > block.size()) {
    SHA256(key.data(), key.size(), block.data());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  const auto start = [&block](SHA256_CTX& state, std::uint8_t pad) {
    std::array<std::uint8_t, SHA256_CBLOCK> padded;
    std::transform(block.begin(), block.end(), padded.begin(),
                   [pad](std::uint8_t byte) { return static_cast<std::uint8_t>(byte ^ pad); });
    SHA256_Init(&state);
    SHA256_Update(&state, padded.data(), padded.size());
  };
  start(inner_, 0x36);
  start(outer_, 0x5c);
}

HmacSha256::Digest HmacSha256::operator()(std::span<const std::uint8_t> message) const {
  Digest digest;
  SHA256_CTX state = inner_;
  SHA256_Update(&state, message.data(), message.size());
  SHA256_Final(digest.data(), &state);
  state = outer_;
  SHA256_Update(&state, digest.data(), digest.size());
  SHA256_Final(digest.data(), &state);
  return digest;
}

}  // namespace cutwater::routing
