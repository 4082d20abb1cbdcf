// Keeps the certificates of the TLS listeners: it loads them at start, again when a file has
// changed, and with every reload of the configuration. Certificates that cannot be loaded are never
// used: the old ones stay, and loaded_well() of the listener says so. It runs on control's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "config/report.hpp"
#include "proxy/net/tls_client_context.hpp"
#include "proxy/net/tls_server_context.hpp"

namespace cutwater::control {

// The contexts stand by service and version, for versions with https endpoints.
using UpstreamContexts =
    std::map<std::pair<std::string, std::string>, std::shared_ptr<const net::TlsClientContext>>;
// Reads the files that versions name for TLS. It blocks; any thread may call it.
std::vector<config::Problem> load_upstream_tls(const config::Config& config,
                                               const std::string& file, UpstreamContexts& out);

// Everything that may speak TLS to those that connect: the listeners, and behind them the admin API
// under a name that no listener can have.
std::vector<config::Listener> listeners_and_admin(const config::Config& config);

class Certificates {
 public:
  using Contexts = std::vector<std::shared_ptr<const net::TlsServerContext>>;
  // Called with the place of every listener whose certificates are new.
  using OnNew =
      std::function<void(std::size_t listener, std::shared_ptr<const net::TlsServerContext>)>;

  // Loads what the listeners name; the problems are about `file`. Contexts stand by place and are
  // null where nothing is encrypted.
  std::vector<config::Problem> load(const std::vector<config::Listener>& listeners,
                                    const std::string& file);
  const Contexts& contexts() const { return contexts_; }
  void on_new(OnNew on_new) { on_new_ = std::move(on_new); }

  // A reload takes two steps: check() loads new certificates beside the running ones; adopt() puts
  // them into force.
  std::vector<config::Problem> check(const std::vector<config::Listener>& listeners,
                                     const std::string& file);
  void adopt();

  // Called once a second. A file is read again when it has changed and then stood still for a tick,
  // so that a half-written pair does not count as a bad one.
  void tick();

  struct Facts {
    std::string listener;
    std::vector<net::CertificateFacts> certificates;
    net::RevocationFacts revocations;
    bool last_load_ok = true;
  };
  std::vector<Facts> facts() const;

 private:
  struct Watched {
    std::string seen;    // the files as they were last looked at
    std::string loaded;  // as they were when last read
    bool last_load_ok = true;
  };
  static std::string look_at(const config::ListenerTls& tls);
  net::TlsServerContext::Loaded load_one(const config::Listener& listener) const;
  void put(std::size_t listener, std::shared_ptr<const net::TlsServerContext> context);

  std::shared_ptr<net::TicketKeys> tickets_ = std::make_shared<net::TicketKeys>();
  std::vector<config::Listener> listeners_;
  Contexts contexts_;
  std::vector<Watched> watched_;
  std::vector<config::Listener> next_listeners_;
  Contexts next_contexts_;
  std::vector<std::string> next_seen_;  // the files as seen when next_contexts_ were read
  OnNew on_new_;
};

}  // namespace cutwater::control
