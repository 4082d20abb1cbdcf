// Feeds any bytes as a configuration file: there is never a crash, a hang or an exception; and what
// is accepted can be shown and read again.
#include <cstdint>
#include <cstdlib>

#include "config/parse.hpp"
#include "config/show.hpp"

namespace config = cutwater::config;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const config::Sources sources{
      .env = [](const std::string& name) { return std::optional<std::string>("env-" + name); },
      .file = [](const std::string& path) { return config::FileText("file-" + path + "\n"); }};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::Parsed parsed = config::parse(text, "fuzz.yaml", sources);
  if (parsed.config.has_value() != parsed.problems.empty()) std::abort();
  if (!parsed.config) return 0;
  const std::string shown = config::show_json(*parsed.config, parsed.operations);
  const config::Parsed again = config::parse(shown, "shown.json", sources);
  if (!again.config || config::show_json(*again.config, again.operations) != shown) std::abort();
  return 0;
}
