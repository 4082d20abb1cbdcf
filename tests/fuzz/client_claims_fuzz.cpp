// Feeds names of fields: the families are those of a plain list, in any case and with '_' for '-',
// and the parser of heads knows each of them as a claim.
#include <algorithm>
#include <string>

#include "config/client_claims.hpp"
#include "fuzz_check.hpp"
#include "proxy/http/h1/head_grammar.hpp"

using namespace cutwater;

namespace {

std::string plain(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c == '_') c = '-';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_listed(const std::string& name) {
  for (const char* prefix : {"x-forwarded", "x-client-cert", "x-ssl-"})
    if (name.starts_with(prefix)) return true;
  for (const char* whole :
       {"forwarded", "x-real-ip", "x-original-url", "x-original-host", "x-rewrite-url",
        "x-client-ip", "x-cluster-client-ip", "true-client-ip", "front-end-https"})
    if (name == whole) return true;
  return false;
}

void check_name(std::string_view name) {
  const config::ClientClaim claim = config::client_claim(name);
  fuzz::check((claim != config::ClientClaim::None) == is_listed(plain(name)), "as the list says");
  fuzz::check(claim == config::client_claim(plain(name)), "neither case nor '_' matters");
  fuzz::check(static_cast<std::size_t>(claim) < config::kClientClaims, "counted");
  const http::FieldId id = http::identify_field(name);
  if (claim != config::ClientClaim::None)
    fuzz::check(http::is_claim(id), "the parser knows it as a claim");
  if (claim == config::ClientClaim::None && http::is_claim(id))
    fuzz::check(id == http::FieldId::Disguised, "nothing else is one, unless disguised");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view name = fuzz::as_text(data, size);
  check_name(name);
  // Random bytes seldom begin like a family.
  for (const char* begin : {"X-Forwarded", "x_client_", "X-SSL", "X-Original-", "front-end"})
    check_name(std::string(begin) + std::string(name));
  return 0;
}
