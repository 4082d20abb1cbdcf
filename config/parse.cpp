#include "config/parse.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "config/raw_text.hpp"
#include "config/sections.hpp"

namespace cutwater::config {
namespace {

constexpr std::uint64_t kMostWorkers = 256;

unsigned read_workers(const Fields& root) {
  const auto written = root.text("workers", "auto or a number");
  if (!written || *written == "auto") return 0;
  std::uint64_t workers = 0;
  root.read_count("workers", workers, {1, kMostWorkers});
  return static_cast<unsigned>(workers);
}

std::string read_state_dir(const Fields& root) {
  const auto written = root.text("state_dir", "a directory");
  if (!written) return Config{}.state_dir;
  if (written->empty() || written->front() != '/') {
    root.bad_value("state_dir", *written, "expected an absolute path");
  }
  return *written;
}

Config read_root(const Node& node, const Sources& sources, Report& report, Operations& operations) {
  const Fields root(report, node, section::kRoot, "the file");
  Config config;
  if (!root.usable()) return config;
  std::uint64_t version = 1;
  root.read_count("version", version, {1, 1});
  config.state_dir = read_state_dir(root);
  config.workers = read_workers(root);
  config.admin = read_admin(root, sources);
  config.listeners = read_listeners(root);
  config.via = read_via(root).value_or("");
  for (Listener& listener : config.listeners)
    if (listener.via.empty()) listener.via = config.via;
  config.services = read_services(root, sources);
  config.routes = read_routes(root, config.services);
  name_probed_hosts(config);
  config.policy = read_policy(root);
  config.limits = read_limits(root);
  config.access_log = read_access_log(root);
  operations.notify = read_notify(root, sources, config.services);
  operations.history = read_history(root);
  root.read("drain_timeout", config.drain_timeout, {0ms, 24h});
  root.read("drain_notice", config.drain_notice, {0ms, 1h});
  check_approvers(root, config);
  check_no_loop(root, config);

  for (const Listener& listener : config.listeners) {
    if (config.admin.unix_path.empty() && listener.listen.port != 0 &&
        listener.listen == config.admin.listen) {
      report.add(root.place_of_key("listeners"),
                 "listener `" + listener.name + "` has the address of `admin.listen`");
    }
    if (config.admin.probes && listener.listen.port != 0 &&
        listener.listen == *config.admin.probes) {
      report.add(root.place_of_key("listeners"),
                 "listener `" + listener.name + "` has the address of `admin.probes`");
    }
  }
  return config;
}

Parsed failed(const std::string& file, std::string message) {
  return {std::nullopt, {Problem{file, 0, 0, std::move(message)}}};
}

}  // namespace

Parsed parse(std::string_view text, const std::string& file, const Sources& sources) {
  Report report(file);
  Config config;
  Parsed parsed;
  if (const NodePtr root = read_document(text, report))
    config = read_root(*root, sources, report, parsed.operations);
  parsed.problems = report.take();
  if (parsed.problems.empty()) parsed.config = std::move(config);
  return parsed;
}

Parsed load(const std::string& path, const Sources& sources) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(path, std::string("cannot be read: ") + std::strerror(errno));
  // Read one byte more than is allowed, so that parse() sees that the file is too long.
  std::string text(kMaxFileBytes + 1, '\0');
  std::size_t length = 0;
  ssize_t got = 0;
  while (length < text.size()) {
    got = ::read(fd, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
  }
  const int error = errno;
  ::close(fd);
  if (got < 0) return failed(path, std::string("cannot be read: ") + std::strerror(error));
  text.resize(length);
  Parsed parsed = parse(text, path, sources);
  if (parsed.config) resolve_tls_paths(*parsed.config, path.substr(0, path.rfind('/') + 1));
  return parsed;
}

}  // namespace cutwater::config
