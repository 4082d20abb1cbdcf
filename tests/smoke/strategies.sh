#!/usr/bin/env bash
# Runs every strategy with one good and one bad deployment, from outside: nginx behind the proxy,
# the command line in front, users who go on asking.
# usage: strategies.sh BUILD_DIR
set -euo pipefail
BUILD=$(cd "${1:?usage: strategies.sh BUILD_DIR}" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
PATH=$PATH:/usr/sbin

say() { printf '%s\n' "$*"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Sets what a server runs: its version, and the share of its requests that fail.
deploy() {  # server, version, percent that fail
  mkdir -p "$SCRATCH/$1"
  cat >"$SCRATCH/$1/version.conf" <<CONF
split_clients "\$request_id" \$fate { ${3}% bad; * good; }
server {
  listen 127.0.0.1:$(cat "$SCRATCH/$1.port");
  keepalive_requests 1000000;
  location /health { access_log off; return 200 "ok"; }
  location / { if (\$fate = bad) { return 500 "$2 is broken\n"; } return 200 "$2 says hello\n"; }
}
CONF
  [[ $3 != 0 ]] || sed -i 's/0% bad; //' "$SCRATCH/$1/version.conf"
  if [[ -s $SCRATCH/$1/pid ]]; then
    nginx -p "$SCRATCH/$1" -c nginx.conf -e error.log -s reload
    await_version "$1" "$2"
  fi
}

await_version() {  # server, version
  local i
  for ((i = 0; i < 100; i++)); do
    curl -s "http://127.0.0.1:$(cat "$SCRATCH/$1.port")/" | grep -q "^$2 " && return
    sleep 0.05
  done
  fail "nginx $1 does not run $2"
}

start_nginx() {  # server, version
  free_port >"$SCRATCH/$1.port"
  deploy "$1" "$2" 0
  cat >"$SCRATCH/$1/nginx.conf" <<'CONF'
daemon off; worker_processes 1; pid pid;
events { worker_connections 256; }
http { access_log access.log; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; include version.conf; }
CONF
  nginx -p "$SCRATCH/$1" -c nginx.conf -e error.log &
  await_file "$SCRATCH/$1/pid" "$!"
  await_version "$1" "$2"
}

# Starts a user per host, who asks a hundred times a second; status codes go to HOST.codes.
start_user() {
  stdbuf -oL curl -s -o /dev/null -w '%{http_code}\n' --rate 100/s -H "Host: $1" "http://$HTTP/?[1-1000000]" \
    >"$SCRATCH/$1.codes" 2>/dev/null &
}
expect_no_failure() {  # host
  local asked failed
  asked=$(wc -l <"$SCRATCH/$1.codes")
  failed=$(grep -vc '^200$' "$SCRATCH/$1.codes" || true)
  [[ $asked -ge 100 ]] || fail "$1 has asked only $asked times"
  [[ $failed == 0 ]] || fail "$failed of $asked requests to $1 failed"
  say "$1: none of $asked requests failed for users"
}

expect_exit() {  # code, command...
  local want=$1 got=0
  shift
  "$@" >"$SCRATCH/out.txt" 2>&1 || got=$?
  [[ $got == "$want" ]] || { cat "$SCRATCH/out.txt" >&2; fail "'$*' ended with $got, expected $want"; }
}
cutwater() { "$BUILD/cutwater" "$@"; }
stable() { admin_get "/v1/services/$1" | jq -r .stable; }
await_phase() {  # service, phase
  local i
  for ((i = 0; i < 600; i++)); do
    admin_get "/v1/services/$1" | jq -e --arg p "$2" '.rollout.phase == $p' >/dev/null && return
    sleep 0.1
  done
  fail "$1 did not come to $2: $(admin_get "/v1/services/$1" | jq -c .rollout)"
}

canary() {
  start_user canary.test
  expect_exit 6 cutwater rollout start canary --to v2 --steps 20%,100% --approval 20% \
    --holdback 2% --bake 1s --wait --timeout 3m
  expect_exit 0 cutwater rollout approve canary
  expect_exit 0 cutwater rollout watch canary --timeout 3m
  [[ $(stable canary) == v2 ]] || fail "the good canary is not stable"
  deploy one v3 30
  expect_exit 3 cutwater rollout start canary --to v1 --steps 20%,100% --bake 1s --wait --timeout 3m
  local reason
  reason=$(sed -n '$p' "$SCRATCH/out.txt")
  [[ $(stable canary) == v2 ]] || fail "the bad canary is stable"
  expect_exit 8 cutwater rollout start canary --to v1
  say "canary: approved and promoted; the bad one reverted: $reason"
  expect_no_failure canary.test
}

blue_green() {
  start_user blue-green.test
  expect_exit 0 cutwater rollout start blue-green --to v2 --bake 1s
  await_phase blue-green preview
  curl -fsS -H 'Host: blue-green.test' -H 'X-Preview: yes' "http://$HTTP/" | grep -q '^v2 ' ||
    fail "a tester does not see the candidate"
  for _ in 1 2 3 4 5; do
    curl -fsS -H 'Host: blue-green.test' "http://$HTTP/" | grep -q '^v1 ' || fail "users see the preview"
  done
  expect_exit 0 cutwater rollout watch blue-green --timeout 3m
  [[ $(stable blue-green) == v2 ]] || fail "the good one is not stable"
  expect_exit 0 cutwater rollback blue-green
  [[ $(stable blue-green) == v1 ]] || fail "no way back"
  deploy four v3 100
  : >"$SCRATCH/four/access.log"
  expect_exit 3 cutwater rollout start blue-green --to v2 --retry --bake 1s --wait --timeout 3m
  grep -q 'smoke check failed' "$SCRATCH/out.txt" || fail "the reason is not the smoke check"
  local seen
  seen=$(grep -vc 'cutwater' "$SCRATCH/four/access.log" || true)
  [[ $seen == 0 ]] || fail "$seen requests of users reached a version that failed its smoke check"
  say "blue-green: previewed, asked, switched, taken back; the bad one never seen by a user"
  expect_no_failure blue-green.test
}

# Does what a deploy script does: looks which server is out, installs, says ready.
deploy_servers() {  # version, percent that fail, version to go back to
  local waits port server undo
  while true; do
    waits=$(admin_get /v1/services/rolling | jq -c '.rollout.waits_for // {}')
    if [[ $(jq -r .task <<<"$waits") == deploy ]]; then
      undo=$(jq -r .undo <<<"$waits")
      for port in $(jq -r '.endpoints[]' <<<"$waits" | sed 's/.*://'); do
        server=$(grep -lx "$port" "$SCRATCH"/server*.port | sed 's/.*\/\(.*\)\.port/\1/')
        if [[ $undo == true ]]; then deploy "$server" "$3" 0; else deploy "$server" "$1" "$2"; fi
      done
      local which=()
      if [[ $undo == true ]]; then which=(--undo); fi
      cutwater rollout ready rolling "${which[@]}" >/dev/null 2>&1 || true
    fi
    sleep 0.2
  done
}

rolling() {
  start_user rolling.test
  deploy_servers v2 0 v1 &
  local script=$!
  expect_exit 0 cutwater rollout start rolling --to v2 --bake 1s --wait --timeout 3m
  kill "$script"
  wait "$script" 2>/dev/null || true
  expect_no_failure rolling.test
  local server
  for server in server1 server2 server3; do await_version "$server" v2; done
  deploy_servers v1 60 v2 &
  script=$!
  expect_exit 3 cutwater rollout start rolling --to v1 --bake 1s --wait --timeout 3m
  kill "$script"
  wait "$script" 2>/dev/null || true
  for server in server1 server2 server3; do await_version "$server" v2; done
  [[ $(stable rolling) == v2 ]] || fail "the bad one is stable"
  say "rolling: three servers replaced without a failed request; the bad one undone in reverse order"
  admin_get '/v1/decisions?service=rolling&limit=100' | jq -r '.decisions[] | select(.action | test("endpoint_re|rolled")) | "  " + .action + ": " + .reason'
}

# Starts two hundred users a second, each with an id of their own.
start_users() {  # host, requests
  seq "$2" | sed 's|.*|url = "http://'"$HTTP"'/"\nheader = "Host: '"$1"'"\nheader = "X-User-Id: u&"\noutput = /dev/null\nwrite-out = "%{http_code}\\n"\nnext|' \
    >"$SCRATCH/users.curl"
  stdbuf -oL curl -s --rate 200/s -K "$SCRATCH/users.curl" >"$SCRATCH/$1.codes" 2>/dev/null &
}
flag_state() { admin_get "/v1/services/$1/flags" | jq -c --arg f "$2" '.flags[] | select(.name == $f)'; }
await_flag() {  # service, flag, jq condition
  local i
  for ((i = 0; i < 600; i++)); do
    flag_state "$1" "$2" | jq -e "$3" >/dev/null && return
    sleep 0.1
  done
  fail "flag $2 never was $3: $(flag_state "$1" "$2")"
}

# A flag goes up by itself while its users are well, and is killed when they are not.
flags() {
  start_users flags.test 20000
  expect_exit 0 cutwater flag revive flags good-idea
  await_flag flags good-idea '.percentage == 100'
  expect_exit 0 cutwater flag kill flags good-idea
  expect_exit 0 cutwater flag revive flags bad-idea
  await_flag flags bad-idea '.enabled == false'
  say "flags: the good one went up to everybody; the bad one was killed: $(admin_get '/v1/decisions?service=flags' | jq -r 'first(.decisions[] | select(.action == "flag_killed" and .cause == "guard")).reason')"
  expect_no_failure flags.test
}

# Users of a service notice nothing of its shadow, not even of one that always fails.
mirror() {
  start_user mirror.test
  local i
  for ((i = 0; i < 200; i++)); do
    admin_get /v1/services/mirror/mirror >"$SCRATCH/mirror.json"
    jq -e '.results.status_5xx >= 200 and .verdict == "fail"' "$SCRATCH/mirror.json" >/dev/null && break
    sleep 0.1
  done
  [[ $i -lt 200 ]] || fail "the mirror has no verdict: $(cat "$SCRATCH/mirror.json")"
  say "mirror: judged apart: $(jq -c '{verdict, status_5xx: .results.status_5xx, latency}' "$SCRATCH/mirror.json")"
  expect_no_failure mirror.test
}

main() {
  local server
  for server in one two three four good broken server1 server2 server3; do start_nginx "$server" v1; done
  deploy broken v2 100
  deploy two v2 0
  deploy four v2 0
  deploy good v2 0
  url() { printf '"http://127.0.0.1:%s"' "$(cat "$SCRATCH/$1.port")"; }
  local servers ramp="{steps: [10%, 50%, 100%], bake: 1s}"
  servers="{endpoints: [$(url server1), $(url server2), $(url server3)]}"
  cat >"$SCRATCH/cutwater.yaml" <<YAML
state_dir: $SCRATCH/state
admin: {listen: "127.0.0.1:0"}
listeners: [{name: http, listen: "127.0.0.1:0"}]
drain_notice: 100ms
routes:
  - {match: {host: canary.test}, service: canary}
  - {match: {host: blue-green.test}, service: blue-green}
  - {match: {host: rolling.test}, service: rolling}
  - {match: {host: flags.test}, service: flags}
  - {match: {host: mirror.test}, service: mirror}
services:
  canary:
    versions: {v1: $(url one), v2: $(url two)}
    fallback: stable
  blue-green:
    versions: {v1: $(url three), v2: $(url four)}
    rollout:
      strategy: blue_green
      preview: {header: "X-Preview=yes", bake: 5s}
      smoke: [{path: /, status: 200, body: v2, within: 2s}, {path: /health, body_regex: "^o+k$"}]
  rolling:
    versions: {v1: $servers, v2: $servers}
    health: {path: /health, interval: 1s, timeout: 1s, start_period: 10s}
    fallback: stable
    rollout: {strategy: rolling, rolling: {drain_timeout: 5s, ready_timeout: 1m}}
  flags:
    versions: {v1: $(url three), good: $(url good), bad: $(url broken)}
    fallback: stable
    flags:
      - {name: good-idea, percentage: 10%, key: "header:X-User-Id", version: good, enabled: false, ramp: $ramp}
      - {name: bad-idea, percentage: 10%, key: "header:X-User-Id", version: bad, enabled: false, ramp: $ramp}
  mirror:
    versions: {v1: $(url three), shadow: $(url broken)}
    mirror: {version: shadow, share: 100%}
YAML
  "$BUILD/cutwater" check -c "$SCRATCH/cutwater.yaml"
  start_proxy
  canary
  blue_green
  rolling
  flags
  mirror
}

main
