#include "control/snapshot/certificates.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace cutwater::control {

std::vector<config::Problem> load_upstream_tls(const config::Config& config,
                                               const std::string& file, UpstreamContexts& out) {
  std::vector<config::Problem> problems;
  for (const auto& service : config.services) {
    for (const auto& version : service.versions) {
      const bool needed =
          std::any_of(version.endpoints.begin(), version.endpoints.end(),
                      [](const config::Endpoint& endpoint) { return endpoint.tls; });
      if (!needed) continue;
      const bool h2 = version.protocol == config::UpstreamProtocol::Http2;
      auto loaded = net::TlsClientContext::load(version.tls, {h2 ? "h2" : "http/1.1"});
      if (const auto* problem = std::get_if<net::Problem>(&loaded))
        problems.push_back(
            {file, 0, 0,
             "services." + service.name + ".versions." + version.name + ".tls: " + problem->text});
      else
        out[{service.name, version.name}] =
            std::get<std::shared_ptr<const net::TlsClientContext>>(std::move(loaded));
    }
  }
  return problems;
}

std::vector<config::Listener> listeners_and_admin(const config::Config& config) {
  std::vector<config::Listener> all = config.listeners;
  config::Listener admin;
  admin.name = "(admin)";
  admin.tls = config.admin.tls;
  admin.http2 = false;
  all.push_back(std::move(admin));
  return all;
}

// Returns times, size and inode of every file: a renewal, or a chmod, changes one of them.
std::string Certificates::look_at(const config::ListenerTls& tls) {
  std::string seen;
  const auto add = [&seen](const std::string& path) {
    struct stat status {};
    if (path.empty()) return;
    if (::stat(path.c_str(), &status) != 0) status = {};
    for (const auto number :
         {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec, status.st_size, static_cast<long>(status.st_ino)})
      seen += std::to_string(number) + " ";
  };
  for (const config::CertificateFiles& files : tls.certificates) {
    add(files.cert);
    add(files.key);
    add(files.ocsp);
  }
  add(tls.client_ca);
  add(tls.client_crl);
  return seen;
}

net::TlsServerContext::Loaded Certificates::load_one(const config::Listener& listener) const {
  net::TlsServerOptions options;
  options.tickets = tickets_;
  if (listener.http2) options.alpn = {"h2", "http/1.1"};
  return net::TlsServerContext::load(listener.name, *listener.tls, std::move(options));
}

std::vector<config::Problem> Certificates::check(const std::vector<config::Listener>& listeners,
                                                 const std::string& file) {
  std::vector<config::Problem> problems;
  next_listeners_ = listeners;
  next_contexts_.assign(listeners.size(), nullptr);
  next_seen_.assign(listeners.size(), {});
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (!listeners[i].tls) continue;
    next_seen_[i] = look_at(*listeners[i].tls);  // seen before they are read
    auto loaded = load_one(listeners[i]);
    if (const auto* problem = std::get_if<net::Problem>(&loaded)) {
      problems.push_back({file, 0, 0, "listener " + listeners[i].name + ": tls: " + problem->text});
      if (i < watched_.size()) watched_[i].last_load_ok = false;
    } else {
      next_contexts_[i] = std::get<std::shared_ptr<const net::TlsServerContext>>(loaded);
    }
  }
  return problems;
}

void Certificates::adopt() {
  if (next_listeners_.empty()) return;
  listeners_ = std::exchange(next_listeners_, {});
  contexts_.resize(listeners_.size());
  watched_.assign(listeners_.size(), {});
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (!next_contexts_[i]) continue;
    watched_[i].seen = watched_[i].loaded = std::move(next_seen_[i]);
    put(i, std::move(next_contexts_[i]));
  }
}

std::vector<config::Problem> Certificates::load(const std::vector<config::Listener>& listeners,
                                                const std::string& file) {
  auto problems = check(listeners, file);
  if (problems.empty()) adopt();
  return problems;
}

void Certificates::put(std::size_t listener, std::shared_ptr<const net::TlsServerContext> context) {
  contexts_[listener] = context;
  if (on_new_) on_new_(listener, std::move(context));
}

void Certificates::tick() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (!listeners_[i].tls) continue;
    Watched& watched = watched_[i];
    std::string seen = look_at(*listeners_[i].tls);
    const bool still = seen == watched.seen;
    watched.seen = std::move(seen);
    if (!still || watched.seen == watched.loaded) continue;
    watched.loaded = watched.seen;
    auto loaded = load_one(listeners_[i]);
    const auto* problem = std::get_if<net::Problem>(&loaded);
    watched.last_load_ok = problem == nullptr;
    if (problem) {
      spdlog::error("certificates refused, the old ones stay listener={} problem=\"{}\"",
                    listeners_[i].name, problem->text);
      continue;
    }
    spdlog::info("certificates reloaded listener={}", listeners_[i].name);
    put(i, std::get<std::shared_ptr<const net::TlsServerContext>>(std::move(loaded)));
  }
}

std::vector<Certificates::Facts> Certificates::facts() const {
  std::vector<Facts> out;
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    if (contexts_[i])
      out.push_back({listeners_[i].name, contexts_[i]->certificates(), contexts_[i]->revocations(),
                     watched_[i].last_load_ok});
  return out;
}

}  // namespace cutwater::control
