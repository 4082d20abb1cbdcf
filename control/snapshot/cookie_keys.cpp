#include "control/snapshot/cookie_keys.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>

#include "control/base/hex.hpp"

namespace cutwater::control {
namespace {

std::string_view text_of(const routing::MacKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

routing::MacKey from_hex(const std::string& digits) {
  routing::MacKey key{};
  for (std::size_t i = 0; i < key.size() && 2 * i + 2 <= digits.size(); ++i)
    key[i] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
  return key;
}

}  // namespace

routing::MacKey CookieKeys::key_of(const config::Service& service) const {
  const std::string& secret = service.sticky.secret.value;
  return routing::service_key(secret.empty() ? text_of(proxy_key_) : std::string_view(secret),
                              service.name);
}

void CookieKeys::adopt(const config::Config& config, std::int64_t now) {
  if (bound_since_ == 0) bound_since_ = now;
  for (const config::Service& service : config.services) {
    const routing::MacKey key = key_of(service);
    const std::int64_t ttl = service.sticky.ttl.count();
    const auto [found, fresh] = services_.try_emplace(service.name, Service{key, ttl, {}});
    Service& known = found->second;
    if (fresh) known.former.push_back({proxy_key_, bound_since_ + ttl});
    if (known.key != key) {
      known.former.insert(known.former.begin(), Former{known.key, now + known.ttl});
      // One that came back signs again, and needs no end.
      std::erase_if(known.former, [&](const Former& former) { return former.key == key; });
      known.key = key;
    }
    known.ttl = ttl;
    std::erase_if(known.former, [now](const Former& former) { return former.until <= now; });
    if (known.former.size() > routing::CookieSigner::kMostFormer)
      known.former.resize(routing::CookieSigner::kMostFormer);
  }
}

routing::CookieSigner CookieKeys::signer(const std::string& service) const {
  const Service& known = services_.at(service);
  routing::CookieSigner signer(known.key);
  for (const Former& former : known.former) signer.also_accept(former.key, former.until);
  return signer;
}

// A line for each key: "bound TIME", "key SERVICE HEX TTL", "former SERVICE HEX UNTIL".
std::string CookieKeys::text() const {
  std::string out = "bound " + std::to_string(bound_since_) + "\n";
  for (const auto& [name, service] : services_) {
    out += "key " + name + " " + hex(service.key) + " " + std::to_string(service.ttl) + "\n";
    for (const Former& former : service.former)
      out += "former " + name + " " + hex(former.key) + " " + std::to_string(former.until) + "\n";
  }
  return out;
}

void CookieKeys::restore(const std::string& text) {
  std::istringstream lines(text);
  std::string kind, service, digits;
  std::int64_t number = 0;
  while (lines >> kind) {
    if (kind == "bound") {
      lines >> bound_since_;
      continue;
    }
    if (!(lines >> service >> digits >> number)) return;
    if (kind == "key")
      services_[service] = {from_hex(digits), number, {}};
    else
      services_[service].former.push_back({from_hex(digits), number});
  }
}

boost::asio::awaitable<void> keep(const CookieKeys& keys, AsyncStore& store) {
  std::function<bool(Store&)> put = [text = keys.text()](Store& state) {
    return state.put_note(kCookieKeysNote, text, {}).has_value();
  };
  const bool kept = co_await store.run<bool>(std::move(put));
  if (!kept) spdlog::error("the keys of the sticky cookies could not be written");
}

}  // namespace cutwater::control
