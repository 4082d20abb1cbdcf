#include "control/notify/webhook_signature.hpp"

#include <openssl/evp.h>

#include <span>
#include <vector>

#include "proxy/routing/hmac_sha256.hpp"

namespace cutwater::control {
namespace {

constexpr std::string_view kEncodedKey = "whsec_";

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string base64(std::span<const std::uint8_t> data) {
  std::string out(4 * ((data.size() + 2) / 3) + 1, '\0');  // and the final zero OpenSSL writes
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data.data(),
                                     static_cast<int>(data.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::vector<std::uint8_t> key_of(std::string_view secret) {
  const auto whole = bytes(secret);
  if (secret.starts_with(kEncodedKey)) {
    const std::string_view encoded = secret.substr(kEncodedKey.size());
    std::vector<std::uint8_t> key(encoded.size());
    const int length =
        EVP_DecodeBlock(key.data(), bytes(encoded).data(), static_cast<int>(encoded.size()));
    if (length > 0) {
      const std::size_t padding = encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0;
      key.resize(static_cast<std::size_t>(length) - padding);
      return key;
    }
  }
  return {whole.begin(), whole.end()};
}

}  // namespace

HttpFields signature_fields(std::string_view secret, const WebhookMessage& message) {
  const std::string timestamp = std::to_string(message.unix_s);
  std::string signed_text(message.id);
  signed_text += '.';
  signed_text += timestamp;
  signed_text += '.';
  signed_text += message.body;
  const routing::HmacSha256 hmac(key_of(secret));
  return {{"webhook-id", std::string(message.id)},
          {"webhook-timestamp", timestamp},
          {"webhook-signature", "v1," + base64(hmac(bytes(signed_text)))}};
}

}  // namespace cutwater::control
