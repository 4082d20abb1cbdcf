// Tests what a good file means.
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Parse, TheSmallestFileHasEveryDefault) {
  const Config config = read(kGood);
  ASSERT_EQ(config.listeners.size(), 1u);
  EXPECT_EQ(config.listeners[0].name, "http");
  EXPECT_EQ(config.listeners[0].listen, (Address{"0.0.0.0", 8080}));
  EXPECT_EQ(config.admin.listen, (Address{"127.0.0.1", 9901}));
  EXPECT_EQ(config.state_dir, "/var/lib/cutwater");
  EXPECT_EQ(config.workers, 0u);
  EXPECT_EQ(config.access_log.to, AccessLog::To::Off);
  EXPECT_EQ(config.drain_timeout, 30s);
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(config.routes[0].host, "*");
  EXPECT_EQ(config.routes[0].path, "/");
  EXPECT_EQ(config.routes[0].service, "shop");

  ASSERT_EQ(config.services.size(), 1u);
  const Service& shop = config.services[0];
  EXPECT_EQ(shop.name, "shop");
  ASSERT_EQ(shop.versions.size(), 2u);
  EXPECT_EQ(shop.versions[0].name, "blue");
  EXPECT_EQ(shop.versions[0].endpoints[0].url, "http://127.0.0.1:9001");
  EXPECT_EQ(shop.versions[1].endpoints[0].address, (Address{"127.0.0.1", 9002}));
  EXPECT_EQ(shop.stable, "blue");
  EXPECT_THAT(shop.weights, ElementsAre(Pair("blue", Share::percent(100)), Pair("green", Share{})));
  EXPECT_EQ(shop.sticky.key, Sticky::Key::OwnCookie);
  EXPECT_EQ(shop.sticky.name, "cw_shop");
  EXPECT_EQ(shop.sticky.ttl, std::chrono::hours(24 * 30));
  EXPECT_FALSE(shop.health.enabled);
  EXPECT_EQ(shop.fallback, Fallback::None);
  EXPECT_EQ(shop.guards.p95, 2s);
  EXPECT_EQ(shop.version_header, "Cutwater-Version");
}

TEST(Parse, Endpoints) {
  const auto endpoints = [](const std::string& list) {
    return read("listeners: [{listen: \"[::]:0\"}]\nservices: {s: {versions: {v: {endpoints: [" +
                list + "]}}}}\n")
        .services.at(0)
        .versions.at(0)
        .endpoints;
  };
  const auto several =
      endpoints("\"http://a.b:1/\", \"http://[::1]:2\", http://my_box, \"http://10.0.0.1:65535\"");
  ASSERT_EQ(several.size(), 4u);
  EXPECT_EQ(several[0].url, "http://a.b:1");
  EXPECT_EQ(several[1].address, (Address{"::1", 2}));
  EXPECT_EQ(several[2].address, (Address{"my_box", 80}));
  EXPECT_EQ(several[3].address, (Address{"10.0.0.1", 65535}));
}

TEST(Parse, StableNamesTheDefaultWeight) {
  const Service shop = read(in_service("stable: green")).services[0];
  EXPECT_EQ(shop.stable, "green");
  EXPECT_EQ(shop.weights.at("green"), Share::percent(100));
  EXPECT_EQ(shop.weights.at("blue"), Share{});
}

TEST(Parse, AVersionWithoutAWeightGetsNothing) {
  const Service shop = read(in_service("weights: {green: 100%}")).services[0];
  EXPECT_THAT(shop.weights, ElementsAre(Pair("blue", Share{}), Pair("green", Share::percent(100))));
}

TEST(Parse, StickyForms) {
  const auto sticky = [](const std::string& value) {
    return read(in_service("sticky: " + value)).services.at(0).sticky;
  };
  EXPECT_EQ(sticky("none").key, Sticky::Key::None);
  EXPECT_EQ(sticky("{ttl: 1h}").name, "cw_shop");
  EXPECT_EQ(sticky("{ttl: 1h}").ttl, std::chrono::hours(1));
  EXPECT_EQ(sticky("{cookie: who}").name, "who");
  EXPECT_EQ(sticky("{key: \"header:X-User-Id\"}").key, Sticky::Key::Header);
  EXPECT_EQ(sticky("{key: \"header:X-User-Id\"}").name, "X-User-Id");
  EXPECT_EQ(sticky("{key: \"cookie:uid\"}").key, Sticky::Key::Cookie);
  EXPECT_EQ(sticky("{key: \"cookie:uid\"}").name, "uid");
  EXPECT_EQ(sticky("{key: client_ip}").key, Sticky::Key::ClientIp);
}

TEST(Parse, Flags) {
  const auto flags =
      read(in_service("flags: [{name: beta, when: {cookie: \"beta=on\"}, version: "
                      "green}, {name: s, when: {header: \"X-S=a=b\"}, version: blue, "
                      "enabled: false}]"))
          .services[0]
          .flags;
  ASSERT_EQ(flags.size(), 2u);
  EXPECT_EQ(flags[0].when->source, FlagCondition::Source::Cookie);
  EXPECT_EQ(flags[0].when->name, "beta");
  EXPECT_EQ(flags[0].when->values.ids(), std::vector<std::string>{"on"});
  EXPECT_EQ(flags[0].version, "green");
  EXPECT_TRUE(flags[0].enabled);
  EXPECT_EQ(flags[1].when->source, FlagCondition::Source::Header);
  EXPECT_EQ(flags[1].when->values.ids(), std::vector<std::string>{"a=b"});
  EXPECT_FALSE(flags[1].enabled);
}

TEST(Parse, ProbesAreIgnoredUnlessTheFileSaysOtherwise) {
  const auto ignored = [](const std::string& text) {
    return read(in_service(text)).services[0].guards.ignore;
  };
  using Paths = std::vector<std::string>;
  const std::string grpc = "/grpc.health.v1.Health/*";
  EXPECT_EQ(ignored("fallback: stable"), (Paths{"/health", grpc}));
  EXPECT_EQ(ignored("health: {path: \"/ready?full=1\"}"), (Paths{"/ready", grpc}));
  EXPECT_EQ(ignored("health: {path: /}"), Paths{grpc}) << "people ask for it, too";
  EXPECT_EQ(ignored("guards: {p95: 1s}"), (Paths{"/health", grpc}));
  EXPECT_EQ(ignored("guards: {ignore: []}"), Paths{});
  EXPECT_EQ(ignored("guards: {ignore: [/ping, /probes/*]}"), (Paths{"/ping", "/probes/*"}));
}

TEST(Parse, GuardsHealthTimeoutsRollout) {
  const Service shop =
      read(in_service(
               "guards: {error_rate: 0.5%, p95: 300ms, p95_critical: 1s, false_rollback: "
               "0.1%, relative: false, relative_tolerance: 0%, latency_tolerance: {share: 30%, "
               "floor: 20ms}, blame_window: 1m, dry_run: true}\n"
               "    memory: {limit: 512MiB, used: rss}\n"
               "    health: {path: \"/h?x=1\", interval: 5s, unhealthy_after: 7}\n"
               "    fallback: stable\n"
               "    timeouts: {connect: 2s, tunnel_idle: 3h}\n"
               "    rollout: {steps: [1%, 100%], bake: 1s, on_inconclusive: rollback}\n"
               "    version_header: none"))
          .services[0];
  EXPECT_EQ(shop.guards.error_rate, Share{5000});
  EXPECT_EQ(shop.guards.p95, 300ms);
  EXPECT_EQ(shop.guards.p95_critical, 1s);
  EXPECT_DOUBLE_EQ(shop.guards.false_rollback, 0.001);
  EXPECT_FALSE(shop.guards.relative);
  EXPECT_EQ(shop.guards.relative_tolerance, Share{});
  EXPECT_EQ(shop.guards.latency_tolerance.share, Share::percent(30));
  EXPECT_EQ(shop.guards.latency_tolerance.floor, 20ms);
  EXPECT_EQ(shop.guards.blame_window, 1min);
  EXPECT_TRUE(shop.guards.dry_run);
  EXPECT_TRUE(shop.memory.enabled);
  EXPECT_EQ(shop.memory.url, "http://{endpoint}/metrics");
  EXPECT_EQ(shop.memory.used, "rss");
  EXPECT_EQ(shop.memory.limit_bytes, 512u << 20);
  EXPECT_TRUE(shop.health.enabled);
  EXPECT_EQ(shop.health.path, "/h?x=1");
  EXPECT_EQ(shop.health.unhealthy_after, 7);
  EXPECT_EQ(shop.health.timeout, 5s) << "not longer than the interval";
  EXPECT_EQ(shop.fallback, Fallback::Stable);
  EXPECT_EQ(shop.timeouts.connect, 2s);
  EXPECT_EQ(shop.timeouts.tunnel_idle, 3h);
  EXPECT_EQ(shop.timeouts.request, 60s);
  EXPECT_THAT(shop.rollout.steps, ElementsAre(Share::percent(1), Share::percent(100)));
  EXPECT_EQ(shop.rollout.on_inconclusive, RolloutDefaults::OnInconclusive::Rollback);
  EXPECT_EQ(shop.version_header, "");
}

TEST(Parse, ADefaultGivesWayToItsNeighbour) {
  const auto service = [](const std::string& line) { return read(in_service(line)).services[0]; };
  EXPECT_EQ(service("guards: {p95: 10s}").guards.p95_critical, 15s);
  EXPECT_EQ(service("guards: {p95_critical: 1s}").guards.p95, 1s);
  EXPECT_EQ(service("rollout: {bake: 2h}").rollout.max_step, 4h);
  EXPECT_THAT(service("rollout: {strategy: blue_green}").rollout.steps,
              ElementsAre(Share::percent(100)));
  const Limits limits = read(with("limits: {header_bytes: 2KiB}")).limits;
  EXPECT_EQ(limits.target_bytes, 2048u);
}

TEST(Parse, Limits) {
  const Limits limits =
      read(with("limits: {header_bytes: 64KiB, header_fields: 50, target_bytes: 1024, "
                "header_timeout: 3s, keepalive_requests: 9, body_min_rate: 1KiB, connections: 7, "
                "connections_per_ip: 1}"))
          .limits;
  EXPECT_EQ(limits.header_bytes, 65536u);
  EXPECT_EQ(limits.header_fields, 50u);
  EXPECT_EQ(limits.target_bytes, 1024u);
  EXPECT_EQ(limits.header_timeout, 3s);
  EXPECT_EQ(limits.keepalive_requests, 9u);
  EXPECT_EQ(limits.body_min_rate, 1024u);
  EXPECT_EQ(limits.connections, 7u);
  EXPECT_EQ(limits.connections_per_ip, 1u);
  EXPECT_EQ(limits.response_fields, 256u);
  EXPECT_EQ(limits.response_header_bytes, 60u * 1024);
  const Limits of_responses =
      read(with("limits: {response_fields: 20, response_header_bytes: 8KiB}")).limits;
  EXPECT_EQ(of_responses.response_fields, 20u);
  EXPECT_EQ(of_responses.response_header_bytes, 8192u);
  EXPECT_EQ(of_responses.header_fields, 100u);
}

TEST(Parse, ReuseOfUpstreamConnections) {
  EXPECT_EQ(read(kGood).services[0].reuse, Reuse::Auto);
  EXPECT_EQ(read(in_service("reuse: safe")).services[0].reuse, Reuse::Safe);
  EXPECT_EQ(read(in_service("reuse: always")).services[0].reuse, Reuse::Always);
}

TEST(Parse, AccessLog) {
  EXPECT_EQ(read(with("access_log: off")).access_log.to, AccessLog::To::Off);
  EXPECT_EQ(read(with("access_log: stdout")).access_log.to, AccessLog::To::Stdout);
  const AccessLog file = read(with("access_log: {file: /tmp/a.log}")).access_log;
  EXPECT_EQ(file.to, AccessLog::To::File);
  EXPECT_EQ(file.path, "/tmp/a.log");
}

TEST(Parse, AdminOnAUnixSocket) {
  EXPECT_EQ(read(with("admin: {listen: \"unix:/run/c.sock\"}")).admin.unix_path, "/run/c.sock");
  EXPECT_EQ(read(with("admin: {listen: \"[::1]:1\"}")).admin.listen, (Address{"::1", 1}));
  EXPECT_EQ(read(with("admin: {listen: \"127.9.9.9:1\"}")).admin.listen.host, "127.9.9.9");
}

TEST(Parse, ListenersAndRoutes) {
  const Config config = read(
      "listeners:\n"
      "  - {listen: \"0.0.0.0:80\", trusted_proxies: [10.0.0.0/8, 192.168.0.7, \"fd00::/8\"]}\n"
      "  - {listen: \"[::]:80\", proxy_protocol: off}\n"
      "  - {name: inner, listen: \"127.0.0.1:81\"}\n"
      "services: {a: {versions: {v: \"http://h:1\"}}, b: {versions: {v: \"http://h:1\"}}}\n"
      "routes:\n"
      "  - {match: {host: Shop.Example.COM, path: /api}, service: a}\n"
      "  - {match: {host: \"*.example.com\"}, service: b}\n");
  ASSERT_EQ(config.listeners.size(), 3u);
  EXPECT_EQ(config.listeners[0].trusted_proxies[1].text, "192.168.0.7/32");
  EXPECT_EQ(config.listeners[1].name, "http-2");
  EXPECT_EQ(config.listeners[1].listen, (Address{"::", 80}));
  EXPECT_EQ(config.listeners[2].name, "inner");
  ASSERT_EQ(config.routes.size(), 2u);
  EXPECT_EQ(config.routes[0].host, "shop.example.com");
  EXPECT_EQ(config.routes[0].path, "/api");
  EXPECT_EQ(config.routes[1].host, "*.example.com");
  EXPECT_EQ(config.routes[1].service, "b");
}

TEST(Parse, ProbesAskByTheHostOfTheFirstRouteThatNamesOne) {
  const auto probed = [](const std::string& health, const std::string& routes) {
    return read("routes: [" + routes + "]\n" + in_service("health: " + health))
        .services.at(0)
        .health;
  };
  const std::string routes =
      "{service: shop}, {match: {host: \"*.a.test\"}, service: shop}, "
      "{match: {host: b.test}, service: shop}, {match: {host: c.test}, service: shop}";
  EXPECT_EQ(probed("{}", routes).host, "b.test");
  EXPECT_EQ(probed("{host: \"d.test:80\"}", routes).host, "d.test:80");
  EXPECT_EQ(probed("{}", "{service: shop}").host, "") << "the endpoint's own";
  const Health all = probed("{headers: {X-A: b}, status: 200-399, port: 81}", routes);
  EXPECT_EQ(all.headers, (std::vector<std::pair<std::string, std::string>>{{"X-A", "b"}}));
  EXPECT_EQ(all.status_from, 200);
  EXPECT_EQ(all.status_to, 399);
  EXPECT_EQ(all.port, 81);
  EXPECT_EQ(probed("{status: 421}", routes).status_from, 421);
  EXPECT_EQ(probed("{status: 421}", routes).status_to, 421);
}

TEST(Parse, TheOwnCookiesAttributes) {
  const auto sticky = [](const std::string& value) {
    return read(in_service("sticky: " + value), fake_sources({{"S", "sixteen-and-more"}}))
        .services.at(0)
        .sticky;
  };
  EXPECT_FALSE(sticky("{ttl: 1h}").always_secure);
  EXPECT_TRUE(sticky("{secure: on}").always_secure);
  EXPECT_TRUE(sticky("{same_site: none}").always_secure) << "implied";
  EXPECT_TRUE(sticky("{cookie: __Host-a}").always_secure) << "implied";
  EXPECT_EQ(sticky("{cookie: " + std::string(kMostCookieName, 'n') + "}").name.size(), 256u);
  EXPECT_THAT(
      problems_in(in_service("sticky: {cookie: " + std::string(kMostCookieName + 1, 'n') + "}")),
      testing::ElementsAre(testing::HasSubstr("expected the name of a cookie")));
  const Sticky all = sticky(
      "{same_site: none, partitioned: true, domain: example.com, path: /app, "
      "secret: \"${env:S}\", cacheable: true}");
  EXPECT_EQ(all.same_site, Sticky::SameSite::None);
  EXPECT_TRUE(all.partitioned);
  EXPECT_EQ(all.domain, "example.com");
  EXPECT_EQ(all.path, "/app");
  EXPECT_EQ(all.secret.value, "sixteen-and-more");
  EXPECT_TRUE(all.cacheable);
  EXPECT_THAT(problems_in(in_service("sticky: {secret: \"${env:S}\"}"),
                          fake_sources({{"S", "fifteen-letters"}})),
              testing::ElementsAre("5:22: `secret` has fewer than 16 characters"));
}

TEST(Parse, WhatListenersKeepAndSign) {
  const Config config = read(
      "via: edge\n"
      "listeners:\n"
      "  - {listen: \"0.0.0.0:80\", keep_headers: [true-client-ip, X-Forwarded-Port]}\n"
      "  - {listen: \"0.0.0.0:81\", via: inner}\n"
      "services: {a: {versions: {v: \"http://h:1\"}}}\n");
  EXPECT_THAT(config.listeners[0].keep_headers, ElementsAre("true-client-ip", "X-Forwarded-Port"));
  EXPECT_EQ(config.listeners[0].via, "edge");
  EXPECT_EQ(config.listeners[1].via, "inner");
  EXPECT_EQ(read(kGood).listeners[0].via, "") << "Via is not signed by itself";
}

TEST(Parse, AnEndpointThatIsNoListenerOfOurs) {
  const auto listening = [](const std::string& listen, const std::string& url) {
    return "listeners: [{listen: \"" + listen + "\"}]\nservices: {a: {versions: {v: \"" + url +
           "\"}}}\n";
  };
  read(listening("0.0.0.0:8080", "http://127.0.0.1:8081"));
  read(listening("0.0.0.0:8080", "http://10.0.0.1:8080"));  // some other machine
  read(listening("10.0.0.1:8080", "http://127.0.0.1:8080"));
  read(listening("127.0.0.1:0", "http://127.0.0.1:80"));
}

TEST(Parse, TlsAndTheProxyProtocol) {
  const Config config = read(
      "listeners:\n"
      "  - listen: \"0.0.0.0:443\"\n"
      "    proxy_protocol: required\n"
      "    tls:\n"
      "      certificates: [{cert: a.pem, key: \"${file:/run/secrets/a.key}\", ocsp: a.der},\n"
      "                     {cert: b.pem}]\n"
      "      min_version: \"1.3\"\n"
      "      client_ca: ca.pem\n"
      "      client_crl: ca.crl\n"
      "      client_auth: optional\n"
      "services:\n"
      "  s:\n"
      "    versions:\n"
      "      v: {endpoints: [\"https://h/\", \"http://h:1\"], send_proxy: v2,\n"
      "          tls: {ca: ca.pem, server_name: x.test, cert: c.pem, key: c.key}}\n"
      "      w: \"https://h:2\"\n");
  const ListenerTls& tls = *config.listeners[0].tls;
  EXPECT_EQ(config.listeners[0].proxy_protocol, ProxyProtocol::Required);
  EXPECT_EQ(tls.certificates[0], (CertificateFiles{"a.pem", "/run/secrets/a.key", "a.der"}));
  EXPECT_EQ(tls.certificates[1], (CertificateFiles{"b.pem", "", ""}));
  EXPECT_EQ(tls.min_version, TlsVersion::V13);
  EXPECT_EQ(tls.client_ca, "ca.pem");
  EXPECT_EQ(tls.client_crl, "ca.crl");
  EXPECT_EQ(tls.client_auth, ListenerTls::ClientAuth::Optional);
  const Version& v = config.services[0].versions[0];
  EXPECT_EQ(v.endpoints[0].url, "https://h");
  EXPECT_EQ(v.endpoints[0].address, (Address{"h", 443}));
  EXPECT_TRUE(v.endpoints[0].tls);
  EXPECT_FALSE(v.endpoints[1].tls);
  EXPECT_EQ(v.send_proxy, SendProxy::V2);
  EXPECT_EQ(v.tls.server_name, "x.test");
  EXPECT_EQ(v.tls.client.key, "c.key");
  EXPECT_TRUE(v.tls.verify);
  EXPECT_TRUE(config.services[0].versions[1].endpoints[0].tls);
}

TEST(Load, PathsOfTlsAreRelativeToTheFile) {
  const std::string path = testing::TempDir() + "tls_" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path)
      << "listeners: [{listen: \"0.0.0.0:443\", tls: {certificates: [{cert: a.pem, key: /b}]}}]\n"
         "services: {s: {versions: {v: {endpoints: [\"https://h\"], tls: {ca: ca.pem}}}}}\n";
  const Parsed parsed = load(path);
  std::remove(path.c_str());
  ASSERT_TRUE(parsed.config);
  const CertificateFiles& files = parsed.config->listeners[0].tls->certificates[0];
  EXPECT_EQ(files.cert, testing::TempDir() + "a.pem");
  EXPECT_EQ(files.key, "/b");
  EXPECT_EQ(files.ocsp, "");
  EXPECT_EQ(parsed.config->services[0].versions[0].tls.ca, testing::TempDir() + "ca.pem");
}

TEST(Load, ReadsAFileOrSaysWhyNot) {
  const std::string path = testing::TempDir() + "config_" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << kGood;
  EXPECT_TRUE(load(path).config.has_value());
  std::remove(path.c_str());

  const Parsed missing = load("/nowhere/cutwater.yaml");
  ASSERT_EQ(missing.problems.size(), 1u);
  EXPECT_EQ(to_string(missing.problems[0]),
            "/nowhere/cutwater.yaml: cannot be read: No such file or directory");
  const Parsed folder = load("/tmp");
  ASSERT_EQ(folder.problems.size(), 1u);
  EXPECT_EQ(to_string(folder.problems[0]), "/tmp: cannot be read: Is a directory");
  const Parsed endless = load("/dev/zero");
  ASSERT_EQ(endless.problems.size(), 1u);
  EXPECT_EQ(to_string(endless.problems[0]),
            "/dev/zero: larger than 1 MiB; that is no configuration");
}

}  // namespace
}  // namespace cutwater::config
