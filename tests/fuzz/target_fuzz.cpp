// Normalises any target that the head parser accepts: the result is stable at once, has no dot
// segments left, keeps the query, and is a target that the parser accepts again.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "fuzz_check.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/target.hpp"

using namespace cutwater;
using namespace cutwater::http;

namespace {

bool is_target(std::string_view text, std::string& path) {
  const std::string head = "OPTIONS " + std::string(text) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  auto request = std::make_unique<RequestHead>();
  HeadScanner scanner;
  const ParseState state = scanner.parse_request(head, {}, *request);
  path = request->path;
  return state.kind == ParseState::Kind::Complete && request->target == text;
}

// A server that decodes every escape must not find a dot segment either.
std::string decoded(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i] == '\\' ? '/' : path[i];
      continue;
    }
    const auto c = static_cast<char>(std::stoi(std::string(path.substr(i + 1, 2)), nullptr, 16));
    out += c == '\\' ? '/' : c;
    i += 2;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  std::string path;
  if (size > 4096 || !is_target(input, path)) {
    std::vector<char> scratch(size);  // must not misbehave all the same
    (void)normalise_target(input, scratch);
    return 0;
  }
  std::vector<char> scratch(size);
  const auto once = normalise_target(input, scratch);
  if (!once) return 0;
  fuzz::check(once->size() <= size, "never grows");
  std::vector<char> more(size);
  const auto twice = normalise_target(*once, more);
  fuzz::check(twice && *twice == *once, "settles at once");
  fuzz::check(is_target(*once, path), "still a target");
  fuzz::check(input.substr(std::min(input.find('?'), size)) ==
                  once->substr(std::min(once->find('?'), once->size())),
              "query untouched");
  const std::string seen = decoded(path) + "/";
  fuzz::check(seen.find("/../") == std::string::npos, "no dot-dot segment, even decoded");
  fuzz::check(seen.find("/./") == std::string::npos, "no dot segment, even decoded");
  return 0;
}
