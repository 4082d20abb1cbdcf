// Tests what is said about a bad file: the exact words and the exact place.
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kDuration = "expected a duration such as 250ms, 10s, 5m, 1h or 30d";
const std::string kShare = "expected a share such as 5% or 0.01%, at most 4 decimals";

// The line stands in the service, from column 5 of line 5.
class ServiceProblem : public testing::TestWithParam<Case> {};
TEST_P(ServiceProblem, IsReported) {
  EXPECT_THAT(problems_in(in_service(GetParam().line)), ElementsAre(GetParam().problem))
      << GetParam().line;
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ServiceProblem,
    testing::Values(
        Case{"wieghts: {blue: 100%}", "5:5: unknown key `wieghts`, did you mean `weights`?"},
        Case{"guards: {p59: 2s}", "5:14: unknown key `p59`, did you mean `p95`?"},
        Case{"timeouts: {read: 2s}",
             "5:16: unknown key `read`; known here: connect, response_head, request, stream_idle, "
             "tunnel_idle, upstream_idle, revert_grace"},
        Case{"guards:",
             "5:5: `guards` has no value; give it one or leave the key out for the default"},
        Case{"guards: 5%",
             "5:13: `guards`: expected a mapping (`key: value`), found a single value"},
        Case{"flags: {beta: on}", "5:12: `flags`: expected a list of flags, found a mapping"},
        Case{"stable: [blue]", "5:13: `stable`: expected the name of a version, found a list"},
        Case{"version_header: \"${env:X}\"",
             "5:21: `version_header`: `${env:NAME}` and `${file:PATH}` are read in secrets only"}));

INSTANTIATE_TEST_SUITE_P(
    MemoryAndComparison, ServiceProblem,
    testing::Values(
        Case{"memory: {}", "5:13: `limit` is missing"},
        Case{"memory: {limit: 512MiB, url: \"http://10.0.0.1/metrics\"}",
             "5:34: `url` is `http://10.0.0.1/metrics`: expected http://{endpoint}/metrics or "
             "http://{host}:9100/metrics"},
        Case{"memory: {limit: 512MiB, used: \"a b\"}",
             "5:35: `used` is `a b`: expected the name of a metric"},
        Case{"guards: {relative: maybe}", "5:24: `relative` is `maybe`: expected true or false"}));

INSTANTIATE_TEST_SUITE_P(
    Weights, ServiceProblem,
    testing::Values(
        Case{"weights: {blue: 95%, green: 6%}", "5:5: `weights` add up to 101%, not to 100%"},
        Case{"weights: {blue: 0%, green: 0%}", "5:5: `weights` add up to 0%, not to 100%"},
        Case{"weights: {}", "5:5: `weights` add up to 0%, not to 100%"},
        Case{"weights: {blue: 33.3333%, green: 66.6666%}",
             "5:5: `weights` add up to 99.9999%, not to 100%"},
        Case{"weights: {blue: 95%, gren: 5%}",
             "5:26: unknown version `gren`, did you mean `green`?"},
        Case{"weights: 100%", "5:14: `weights`: expected a mapping such as {blue: 95%, green: 5%}"},
        Case{"weights: {blue: [1], green: 0%}",
             "5:21: the weight of `blue` is no share: " + kShare},
        Case{"weights: {blue: , green: 0%}", "5:15: the weight of `blue` is no share: " + kShare}));

std::vector<Case> bad_weights() {
  std::vector<Case> cases;
  for (const std::string text : {"010", "010%", "0x10", ".nan", ".inf", "yes", "1e3", "-1", "-1%",
                                 "101", "101%", "95", "0.00001%", "+5%"}) {
    cases.push_back({"weights: {blue: " + text + "}",
                     "5:21: the weight of `blue` is `" + text + "`: " + kShare});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(BadWeights, ServiceProblem, testing::ValuesIn(bad_weights()));

INSTANTIATE_TEST_SUITE_P(
    Names, ServiceProblem,
    testing::Values(
        Case{"stable: bleu", "5:13: unknown version `bleu`, did you mean `blue`?"},
        Case{"stable: red", "5:13: unknown version `red`; known here: blue, green"},
        Case{"fallback: stabel",
             "5:15: `fallback` is `stabel`: expected none or stable, did you mean `stable`?"},
        Case{"rollout: {strategy: canray}",
             "5:25: unknown strategy `canray`, did you mean `canary`?"},
        Case{"rollout: {on_inconclusive: wait}",
             "5:32: `on_inconclusive` is `wait`: expected hold, extend, promote or rollback"},
        Case{"version_header: \"X Y\"",
             "5:21: `version_header` is `X Y`: expected a header name or none"}));

INSTANTIATE_TEST_SUITE_P(
    Sticky, ServiceProblem,
    testing::Values(
        Case{"sticky: off",
             "5:13: `sticky` is `off`: expected none, {cookie: NAME, ttl: 30d} or {key: ...}"},
        Case{"sticky: {key: uid}",
             "5:19: `key` is `uid`: expected header:NAME, cookie:NAME or client_ip"},
        Case{"sticky: {key: \"header:\"}",
             "5:19: `key` is `header:`: expected header:NAME, cookie:NAME or client_ip"},
        Case{"sticky: {cookie: \"a b\"}", "5:22: `cookie` is `a b`: expected the name of a cookie"},
        Case{"sticky: {key: client_ip, ttl: 1d}",
             "5:30: `ttl` belongs to the own cookie and cannot stand with `key`"},
        Case{"health: {status: 399-200}",
             "5:22: `status` is `399-200`: expected a status or a range such as 200-399"},
        Case{"health: {status: 200-600}",
             "5:22: `status` is `200-600`: expected a status or a range such as 200-399"},
        Case{"health: {status: 2xx}",
             "5:22: `status` is `2xx`: expected a status or a range such as 200-399"},
        Case{"health: {host: \"a b\"}",
             "5:20: `host` is `a b`: expected a host such as shop.example.com"},
        Case{"health: {host: \"a.test:0\"}",
             "5:20: `host` is `a.test:0`: expected a host such as shop.example.com"},
        Case{"health: {headers: {Host: a}}", "5:14: write `host`, not a header `Host`"},
        Case{"health: {headers: {Transfer-Encoding: a}}",
             "5:14: header `Transfer-Encoding` is for the proxy to say"},
        Case{"health: {headers: [a]}",
             "5:23: `headers`: expected a mapping such as {Accept: text/html}"},
        Case{"health: {grpc: true, status: 200}",
             "5:26: `status` is for GET, and `grpc: true` does not ask by it"},
        Case{"health: {port: 65536}",
             "5:20: `port` is `65536`: expected a whole number between 1 and 65535"},
        Case{"sticky: {same_site: None}",
             "5:25: `same_site` is `None`: expected lax, none or strict, did you mean `none`?"},
        Case{"sticky: {same_site: none, secure: auto}",
             "5:39: browsers drop a cookie with `same_site: none` that is not Secure; write "
             "`secure: on` or leave it out"},
        Case{"sticky: {partitioned: true}",
             "5:14: `partitioned` is for cookies of embedded pages and needs `same_site: none`"},
        Case{"sticky: {cookie: __Host-a, path: /x}",
             "5:32: browsers drop a cookie called `__Host-a` whose `path` is not /"},
        Case{"sticky: {cookie: __Host-a, domain: a.test}",
             "5:32: browsers drop a cookie called `__Host-a` that has a `domain`"},
        Case{"sticky: {cookie: __Secure-a, secure: auto}",
             "5:34: browsers drop a cookie called `__Secure-a` without Secure"},
        Case{"sticky: {domain: \"a b\"}",
             "5:22: `domain` is `a b`: expected a domain such as example.com"},
        Case{"sticky: {path: app}",
             "5:20: `path` is `app`: expected a path such as /app, at most 255 visible characters "
             "without `;`"},
        Case{"sticky: {path: \"/a;b\"}",
             "5:20: `path` is `/a;b`: expected a path such as /app, at most 255 visible characters "
             "without `;`"},
        Case{"sticky: {secret: clear}",
             "5:22: `secret`: a secret is never written here: use \"${env:NAME}\" or "
             "\"${file:/path}\""},
        Case{"sticky: {key: client_ip, same_site: lax}",
             "5:30: `same_site` belongs to the own cookie and cannot stand with `key`"},
        Case{"sticky: {ttl: 1500ms}", "5:19: `ttl` must be whole seconds"},
        Case{"sticky: {ttl: 1000d}", "5:19: `ttl` is `1000d`: expected between 1s and 400d"}));

INSTANTIATE_TEST_SUITE_P(
    Flags, ServiceProblem,
    testing::Values(
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}, version: purple}]",
             "5:55: unknown version `purple`; known here: blue, green"},
        Case{"flags: [{name: b, when: {cookie: b}, version: blue}]",
             "5:38: `cookie` is `b`: expected NAME=VALUE such as \"beta=on\""},
        Case{"flags: [{name: b, when: {header: \"=x\"}, version: blue}]",
             "5:38: `header` is `=x`: expected NAME=VALUE such as \"X-Staff=true\""},
        Case{"flags: [{name: b, when: {cookie: \"b=1;2\"}, version: blue}]",
             "5:38: `cookie` is `b=1;2`: no cookie can have this value"},
        Case{"flags: [{name: b, when: {}, version: blue}]",
             "5:29: `when` needs either `cookie` or `header`"},
        Case{"flags: [{when: {cookie: \"b=1\"}, version: blue}]", "5:13: `name` is missing"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}, version: blue, enabled: yes}]",
             "5:70: `enabled` is `yes`: expected true or false"},
        Case{"flags: [{name: b, version: blue}]",
             "5:13: a flag needs `when`, `percentage`, `arms` or `allow`: whom it is for"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}}]",
             "5:13: `version` is missing (or `arms`, for several)"},
        Case{"flags: [{name: b, percentage: 10%, version: blue}]",
             "5:23: `percentage` needs `key` to tell users apart: cookie:NAME, header:NAME, "
             "client_ip or sticky"},
        Case{"flags: [{name: b, percentage: 10, key: sticky, version: blue}]",
             "5:35: `percentage` is `10`: " + kShare},
        Case{"flags: [{name: b, percentage: 10%, key: uid, version: blue}]",
             "5:45: `key` is `uid`: expected cookie:NAME, header:NAME, client_ip or sticky"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}, key: sticky, version: blue}]",
             "5:46: `key` means nothing without `percentage`, `arms`, `allow` or `deny`"},
        Case{"flags: [{name: b, allow: [u1], key: sticky, version: blue}]",
             "5:41: `key` is `sticky`: nobody knows the random ids of the own cookie; `allow` and "
             "`deny` need cookie:NAME, header:NAME or client_ip"},
        Case{"flags: [{name: b, allow: [u1], key: client_ip, version: blue}]",
             "5:30: `allow` is `u1`: expected an IP address, as `key` is client_ip"},
        Case{"flags: [{name: b, arms: {blue: 50%, gren: 50%}, key: sticky}]",
             "5:41: unknown version `gren`, did you mean `green`?"},
        Case{"flags: [{name: b, arms: {blue: 50%, green: 40%}, key: sticky}]",
             "5:23: `arms` add up to 90%, not to 100%"},
        Case{"flags: [{name: b, arms: {blue: 100%}, key: sticky}]",
             "5:29: `arms`: expected two or more versions such as {blue: 50%, green: 50%}"},
        Case{"flags: [{name: b, arms: {blue: 50%, green: 50%}, version: blue, key: sticky}]",
             "5:23: `version` and `arms` cannot stand together"},
        Case{"flags: [{name: b, when: {cookie: b, in: []}, version: blue}]",
             "5:45: `in` is empty; nobody could match"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\", in: [a]}, version: blue}]",
             "5:38: `cookie` is `b=1`: expected only a name beside `in` or `file`"},
        Case{"flags: [{name: b, when: {cookie: b, file: list}, version: blue}]",
             "5:47: `file` is `list`: expected an absolute path"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}, version: blue, percentag: 10%}]",
             "5:61: unknown key `percentag`, did you mean `percentage`?"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}, version: blue, ramp: {steps: [100%]}}]",
             "5:61: `ramp` raises a `percentage` of one `version`; write both"},
        Case{"flags: [{name: b, percentage: 1%, key: sticky, version: blue, ramp: {steps: [5%, "
             "2%, 100%]}}]",
             "5:86: steps must rise: 2% follows 5%"},
        Case{"flags: [{name: b, percentage: 1%, key: sticky, version: blue, ramp: {steps: [100%], "
             "bake: 2h, max_step: 1h}}]",
             "5:109: `max_step` is below `bake`"},
        Case{"flags: [{name: b, percentage: 1%, key: sticky, version: blue, ramp: {steps: [100%], "
             "guards: {p95: 0s}}}]",
             "5:103: `p95` is `0s`: expected between 1ms and 1h"},
        Case{"flags: [{name: b, when: {cookie: \"b=1\"}, version: blue}, {name: b, when: {cookie: "
             "\"b=2\"}, version: blue}]",
             "5:62: duplicate flag `b`"}));

INSTANTIATE_TEST_SUITE_P(
    Mirrors, ServiceProblem,
    testing::Values(
        Case{"mirror: {share: 5%}", "5:13: `version` is missing"},
        Case{"mirror: {version: gren}", "5:23: unknown version `gren`, did you mean `green`?"},
        Case{"mirror: {version: green, share: 101%}", "5:37: `share` is `101%`: " + kShare},
        Case{"mirror: {version: green, methods: some}",
             "5:39: `methods` is `some`: expected safe, all or a list such as [GET, POST]"},
        Case{"mirror: {version: green, methods: [GTE]}",
             "5:40: unknown method `GTE`, did you mean `GET`?"},
        Case{"mirror: {version: green, max_body: 1MiB}",
             "5:40: `max_body` is `1MiB`: expected between 0B and 64KiB"},
        Case{"mirror: {version: green, concurrency: 0}",
             "5:43: `concurrency` is `0`: expected a whole number between 1 and 10000"},
        Case{"mirror: {version: green, shar: 5%}",
             "5:30: unknown key `shar`, did you mean `share`?"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ServiceProblem,
    testing::Values(
        Case{"timeouts: {connect: 10}", "5:25: `connect` is `10`: " + kDuration},
        Case{"timeouts: {connect: 0s}", "5:25: `connect` is `0s`: expected between 1ms and 30d"},
        Case{"guards: {error_rate: 5}", "5:26: `error_rate` is `5`: " + kShare},
        Case{"guards: {error_rate: 0%}",
             "5:26: `error_rate` is `0%`: expected between 0.0001% and 99.9999%"},
        Case{"guards: {false_rollback: 51%}",
             "5:30: `false_rollback` is `51%`: expected between 0.0001% and 50%"},
        Case{"guards: {ignore: [health]}",
             "5:23: `ignore` has `health`: expected a path such as /health, or /probes/* for all "
             "that is below"},
        Case{
            "guards: {ignore: [\"/a?b\"]}",
            "5:23: `ignore` has `/a?b`: expected a path such as /health, or /probes/* for all that "
            "is below"},
        Case{"guards: {latency_tolerance: 20%}",
             "5:33: `latency_tolerance`: expected a mapping (`key: value`), found a single value"},
        Case{"guards: {latency_tolerance: {share: 101%}}", "5:41: `share` is `101%`: " + kShare},
        Case{"guards: {p95: 2s, p95_critical: 1s}", "5:37: `p95_critical` is below `p95`"},
        Case{"health: {path: health}", "5:20: `path` is `health`: expected a path such as /health"},
        Case{"health: {interval: 1s, timeout: 2s}", "5:37: `timeout` is longer than `interval`"},
        Case{"health: {unhealthy_after: 0x3}",
             "5:31: `unhealthy_after` is `0x3`: expected a whole number between 1 and 1000"},
        Case{"rollout: {bake: 999ms}", "5:21: `bake` is `999ms`: expected between 1s and 30d"},
        Case{"rollout: {bake: 2m, max_step: 1m}", "5:35: `max_step` is shorter than `bake`"}));

INSTANTIATE_TEST_SUITE_P(
    Steps, ServiceProblem,
    testing::Values(Case{"rollout: {steps: [5%, 50%]}", "5:22: the last of `steps` must be 100%"},
                    Case{"rollout: {steps: []}", "5:22: the last of `steps` must be 100%"},
                    Case{"rollout: {steps: [50%, 25%, 100%]}",
                         "5:28: steps must rise: 25% follows 50%"},
                    Case{"rollout: {steps: [0%, 100%]}", "5:23: steps must rise: 0% follows 0%"},
                    Case{"rollout: {steps: [5, 100%]}", "5:23: `steps` has `5`: " + kShare},
                    Case{"rollout: {steps: 5%}",
                         "5:22: `steps`: expected a list of shares, found a single value"}));

// The text is the value of version `v`, from column 30 of line 2.
class VersionProblem : public testing::TestWithParam<Case> {};
TEST_P(VersionProblem, IsReported) {
  EXPECT_THAT(problems_in("listeners: [{listen: \"0.0.0.0:8080\"}]\nservices: {s: {versions: {v: " +
                          GetParam().line + "}}}\n"),
              ElementsAre(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Versions, VersionProblem,
    testing::Values(
        Case{"\"https://me@a:1\"", "2:30: endpoint: an endpoint has no user or password"},
        Case{"\"127.0.0.1:9001\"",
             "2:30: endpoint `127.0.0.1:9001`: expected http://HOST:PORT, did you mean "
             "`http://127.0.0.1:9001`?"},
        Case{"\"ftp://a\"", "2:30: endpoint `ftp://a`: expected http://HOST:PORT"},
        Case{"\"http://a:1/x\"",
             "2:30: endpoint `http://a:1/x`: an endpoint has no path: the request's own path is "
             "used"},
        Case{"\"http://me:hunter2@a\"", "2:30: endpoint: an endpoint has no user or password"},
        Case{"\"http://10.0.0.256:1\"",
             "2:30: endpoint `http://10.0.0.256:1`: the host is neither an IP address nor a DNS "
             "name"},
        Case{"\"http://127.1:1\"",
             "2:30: endpoint `http://127.1:1`: the host is neither an IP address nor a DNS name"},
        Case{"\"http://::1:1\"",
             "2:30: endpoint `http://::1:1`: the host is neither an IP address nor a DNS name"},
        Case{"\"http://a:0\"",
             "2:30: endpoint `http://a:0`: the port must be a number from 1 to 65535"},
        Case{"",
             "2:27: version `v` has no endpoint; write \"http://HOST:PORT\" or {endpoints: "
             "[...]}"},
        Case{"{}", "2:30: `endpoints` is missing"},
        Case{"{endpoints: []}", "2:42: `endpoints` is empty; at least one is needed"},
        Case{"{endpoints: [\"http://a:1\", \"http://a:1/\"]}",
             "2:57: duplicate endpoint `http://a:1/`"},
        Case{"{endpoints: [\"http://a:1\"], protocol: quic}",
             "2:68: `protocol` is `quic`: expected h1 or h2"},
        Case{"{endpoints: [\"http://a:1\"], tls: {}}",
             "2:58: `tls` is for https:// endpoints, and there are none"},
        Case{"{endpoints: [\"https://a:1\"], tls: {key: k}}",
             "2:65: `key` needs `cert`, the certificate it belongs to"},
        Case{"{endpoints: [\"https://a:1\"], tls: {server_name: \"a b\"}}",
             "2:78: `server_name` is `a b`: expected a host name or an address"},
        Case{"{endpoints: [\"https://a:1\"], tls: {ca: x.pem, verify: false}}",
             "2:84: `verify` is false, so `ca` and `server_name` would not be looked at"},
        Case{"{endpoints: [\"http://a:1\"], send_proxy: v1}",
             "2:70: `send_proxy` is `v1`: expected off or v2, did you mean `v2`?"}));

TEST(Problems, WhatMustBeThere) {
  EXPECT_THAT(problems_in("workers: auto\n"),
              ElementsAre("1:1: `listeners` is missing", "1:1: `services` is missing"));
  EXPECT_THAT(
      problems_in("listeners: [{listen: \"0.0.0.0:1\"}]\nservices: {}\n"),
      ElementsAre("2:11: `services`: expected a mapping such as {shop: {versions: {...}}}"));
  EXPECT_THAT(problems_in("listeners: [{listen: \"0.0.0.0:1\"}]\nservices: {shop: }\n"),
              ElementsAre("2:12: service `shop` needs `versions`"));
}

TEST(Problems, SeveralServicesNeedRoutes) {
  EXPECT_THAT(problems_in("listeners: [{listen: \"0.0.0.0:1\"}]\n"
                          "services:\n"
                          "  a: {versions: {v: \"http://h:1\"}}\n"
                          "  b: {versions: {v: \"http://h:1\"}}\n"),
              ElementsAre("2:1: `routes` is needed when there is more than one service"));
}

TEST(Problems, NamesOfServicesAndVersions) {
  EXPECT_THAT(problems_in("listeners: [{listen: \"0.0.0.0:1\"}]\n"
                          "services: {\"my shop\": {versions: {\"-v\": \"http://h:1\"}}}\n"),
              ElementsAre(HasSubstr("2:12: service `my shop`: expected up to 63 letters"),
                          HasSubstr("2:35: version `-v`: expected up to 63 letters")));
}

TEST(Problems, AllAreReportedAtOnceInFileOrder) {
  EXPECT_THAT(
      problems_in("workers: many\n"
                  "listeners:\n"
                  "  - {listen: \"8080\", naem: web}\n"
                  "services:\n"
                  "  shop:\n"
                  "    rollout: {bake: soon}\n"
                  "    weights: {blue: 90%, green: 5%}\n"
                  "    versions: {blue: \"http://127.0.0.1:9001\", green: \"nope\"}\n"
                  "    stable: geen\n"
                  "mirror: 1\n"),
      ElementsAre(HasSubstr("1:10: `workers` is `many`"), HasSubstr("3:14: `listen` is `8080`"),
                  "3:22: unknown key `naem`, did you mean `name`?",
                  HasSubstr("6:21: `bake` is `soon`"), "7:5: `weights` add up to 95%, not to 100%",
                  HasSubstr("8:54: endpoint `nope`"),
                  "9:13: unknown version `geen`, did you mean `green`?",
                  HasSubstr("10:1: unknown key `mirror`")));
}

TEST(Problems, AreWrittenWithFileLineAndColumn) {
  EXPECT_EQ(to_string(Problem{"cutwater.yaml", 3, 7, "wrong"}), "cutwater.yaml:3:7: wrong");
  EXPECT_EQ(to_string(Problem{"cutwater.yaml", 0, 0, "wrong"}), "cutwater.yaml: wrong");
}

}  // namespace
}  // namespace cutwater::config
