// Tests what is said about a bad top level of a file and bad listeners: the exact words and the
// exact place. What is inside a service is in problems_test.cpp.
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;

const std::string kDuration = "expected a duration such as 250ms, 10s, 5m, 1h or 30d";

// The line stands at the top level, from column 1 of line 5.
class FileProblem : public testing::TestWithParam<Case> {};
TEST_P(FileProblem, IsReported) {
  EXPECT_THAT(problems_in(with(GetParam().line)), ElementsAre(GetParam().problem))
      << GetParam().line;
}

INSTANTIATE_TEST_SUITE_P(
    Root, FileProblem,
    testing::Values(
        Case{"listner: []", "5:1: unknown key `listner`, did you mean `listeners`?"},
        Case{"fleet: {}", "5:1: `fleet` is part of the contract but not available in this version"},
        Case{"version: 2", "5:10: `version` is `2`: expected a whole number between 1 and 1"},
        Case{"workers: 0", "5:10: `workers` is `0`: expected a whole number between 1 and 256"},
        Case{"workers: 04", "5:10: `workers` is `04`: expected a whole number between 1 and 256"},
        Case{"state_dir: state", "5:12: `state_dir` is `state`: expected an absolute path"},
        Case{"drain_timeout: 1.5s", "5:16: `drain_timeout` is `1.5s`: " + kDuration},
        Case{"access_log: on", "5:13: `access_log` is `on`: expected off, stdout or {file: PATH}"},
        Case{"access_log: {}", "5:13: `file` is missing"},
        Case{"routes: []", "5:9: `routes` is empty, so nothing would be reachable; leave it out"},
        Case{"routes: [{service: shpo}]", "5:20: unknown service `shpo`, did you mean `shop`?"},
        Case{"routes: [{service: shop}, {match: {path: /, host: \"*\"}, service: shop}]",
             "5:27: duplicate route for host `*` and path `/`"},
        Case{"routes: [{match: {path: api}, service: shop}]",
             "5:25: `path` is `api`: a path starts with `/`"},
        Case{"routes: [{match: {path: /a/../b}, service: shop}]",
             "5:25: `path` is `/a/../b`: `//`, `/./` and `/../` are not possible in a path prefix"},
        Case{"routes: [{match: {path: /%61}, service: shop}]",
             "5:25: `path` is `/%61`: an escape is written `%2F`: upper case, and only where it is "
             "needed"},
        Case{"routes: [{match: {host: \"a:80\"}, service: shop}]",
             "5:25: `host` is `a:80`: expected a host such as shop.example.com, *.example.com or "
             "*, without port"},
        Case{"limits: {header_bytes: 16KB}",
             "5:24: `header_bytes` is `16KB`: expected a size such as 512B, 64KiB or 1MiB"},
        Case{"limits: {header_bytes: 16}",
             "5:24: `header_bytes` is `16`: expected between 1KiB and 1MiB"},
        Case{"limits: {header_bytes: 2KiB, target_bytes: 4KiB}",
             "5:44: `target_bytes` is more than `header_bytes`, which counts the target too"}));

INSTANTIATE_TEST_SUITE_P(
    Admin, FileProblem,
    testing::Values(
        Case{"admin: {listen: \"0.0.0.0:9901\"}",
             "5:17: without `tokens` the admin API listens on a loopback address or a unix socket "
             "only; add `tokens`, or use 127.0.0.1 or unix:/path"},
        Case{"admin: {listen: \"[::]:9901\"}",
             "5:17: without `tokens` the admin API listens on a loopback address or a unix socket "
             "only; add `tokens`, or use 127.0.0.1 or unix:/path"},
        Case{"admin: {listen: \"localhost:9901\"}",
             "5:17: `listen` is `localhost:9901`: a name is not an address, did you mean "
             "`127.0.0.1:9901`?"},
        Case{"admin: {listen: \"unix:relative\"}",
             "5:17: `listen` is `unix:relative`: expected unix:/path with at most 107 characters"},
        Case{"admin: {allowed_hosts: [\"a b\"]}",
             "5:25: `allowed_hosts` has `a b`: expected a host name or IP address, without port"},
        Case{"admin: {listen: \"127.0.0.1:1\", token: x}",
             "5:32: unknown key `token`, did you mean `tokens`?"}));

// The text replaces the first line, from column 13.
class ListenerProblem : public testing::TestWithParam<Case> {};
TEST_P(ListenerProblem, IsReported) {
  const std::string rest = kGood.substr(kGood.find('\n'));
  EXPECT_THAT(problems_in("listeners: [" + GetParam().line + "]" + rest),
              ElementsAre(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Listeners, ListenerProblem,
    testing::Values(
        Case{"", "1:12: `listeners` is empty; at least one is needed"},
        Case{"{name: web}", "1:13: `listen` is missing"},
        Case{"{listen: \":8080\"}",
             "1:22: `listen` is `:8080`: an address is missing, did you mean `0.0.0.0:8080`?"},
        Case{"{listen: 8080}",
             "1:22: `listen` is `8080`: expected ADDRESS:PORT such as 0.0.0.0:8080 or [::]:8080"},
        Case{"{listen: \"::1:80\"}",
             "1:22: `listen` is `::1:80`: the port must be a number from 0 to 65535"},
        Case{"{listen: \"1.2.3.4:65536\"}",
             "1:22: `listen` is `1.2.3.4:65536`: the port must be a number from 0 to 65535"},
        Case{"{listen: \"1.2.3.4:080\"}",
             "1:22: `listen` is `1.2.3.4:080`: the port must be a number from 0 to 65535"},
        Case{"{listen: \"0x7f.1:80\"}",
             "1:22: `listen` is `0x7f.1:80`: expected ADDRESS:PORT such as 0.0.0.0:8080 or "
             "[::]:8080"},
        Case{"{listen: \"1.1.1.1:1\", name: \"a b\"}",
             "1:41: `name` is `a b`: expected up to 63 letters, digits, `.`, `_` or `-`, the first "
             "a letter or digit"},
        Case{"{name: a, listen: \"1.1.1.1:1\"}, {name: a, listen: \"1.1.1.1:2\"}",
             "1:45: duplicate listener `a`"},
        Case{"{name: a, listen: \"1.1.1.1:1\"}, {name: b, listen: \"1.1.1.1:1\"}",
             "1:45: listener `b` has the address of `a`"},
        Case{"{listen: \"127.0.0.1:9901\"}",
             "1:1: listener `http` has the address of `admin.listen`"},
        Case{"{listen: \"1.1.1.1:1\", trusted_proxies: [10.0.0.1/8]}",
             "1:53: `trusted_proxies` has `10.0.0.1/8`: the address has bits outside the prefix, "
             "did you mean `10.0.0.0/8`?"},
        Case{"{listen: \"1.1.1.1:1\", trusted_proxies: [10.0.0.0/33]}",
             "1:53: `trusted_proxies` has `10.0.0.0/33`: the length of the prefix must be from 0 "
             "to 32"},
        Case{"{listen: \"0.0.0.0:9001\"}",
             "2:1: endpoint `http://127.0.0.1:9001` of `shop`, version `blue`, is the listener "
             "`http` of this proxy"},
        Case{"{listen: \"127.0.0.1:9002\"}",
             "2:1: endpoint `http://127.0.0.1:9002` of `shop`, version `green`, is the listener "
             "`http` of this proxy"},
        Case{"{listen: \"1.1.1.1:1\", keep_headers: [X-User]}",
             "1:50: `keep_headers` has `X-User`: expected a field that is taken away from "
             "strangers, as True-Client-IP is; others pass anyway"},
        Case{"{listen: \"1.1.1.1:1\", keep_headers: [x-forwarded-for]}",
             "1:50: `keep_headers` has `x-forwarded-for`: the proxy writes this field itself; list "
             "who may say it in `trusted_proxies`"},
        Case{"{listen: \"1.1.1.1:1\", via: \"a b\"}",
             "1:40: `via` is `a b`: expected a name of letters, digits, `-`, `.` and the like"},
        Case{"{listen: \"1.1.1.1:1\", proxy_protocol: v2}",
             "1:51: `proxy_protocol` is `v2`: expected off or required"},
        Case{"{listen: \"1.1.1.1:1\", tls: {}}", "1:40: `certificates` is missing"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: []}}",
             "1:55: `certificates` is empty; at least one is needed"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{key: a}]}}", "1:56: `cert` is missing"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{crt: a, cert: b}]}}",
             "1:57: unknown key `crt`, did you mean `cert`?"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a, key: \"${env:KEY}\"}]}}",
             "1:71: `key`: expected the path of a file"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], min_version: \"1.1\"}}",
             "1:81: `min_version` is `1.1`: expected 1.2 or 1.3, did you mean `1.2`?"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], groups: [X25519, P-265]}}",
             "1:85: unknown name `P-265` in `groups`, did you mean `P-256`?"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], groups: [P-256, P-256]}}",
             "1:84: duplicate name `P-256` in `groups`"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], groups: []}}",
             "1:76: `groups` is empty; nobody could connect"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], groups: X25519}}",
             "1:76: `groups`: expected a list of names, found a single value"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], ciphers: "
             "[ECDHE-RSA-AES128-GCM-SHA265]}}",
             "1:78: unknown name `ECDHE-RSA-AES128-GCM-SHA265` in `ciphers`, did you mean "
             "`ECDHE-RSA-AES128-GCM-SHA256`?"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], min_version: \"1.3\", "
             "ciphers: "
             "[ECDHE-RSA-AES128-GCM-SHA256]}}",
             "1:88: `ciphers` are TLS 1.2's alone, and `min_version` is 1.3"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], client_auth: optional}}",
             "1:68: `client_auth` needs `client_ca`, the authorities that clients' certificates "
             "are from"},
        Case{"{listen: \"1.1.1.1:1\", tls: {certificates: [{cert: a}], client_crl: b}}",
             "1:68: `client_crl` needs `client_ca`, the authorities that it is from"}));

}  // namespace
}  // namespace cutwater::config
