#!/usr/bin/env bash
# Runs the demo: a good version is promoted step by step, then a bad one is deployed and reverted by
# the proxy itself. It ends with status 1 unless everything happened as promised.
# usage: demo.sh BUILD_DIR
set -euo pipefail
BUILD=$(cd "${1:?usage: demo.sh BUILD_DIR}" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly USERS=400 RATE=600

title() { printf '\n\033[1m%s\033[0m\n' "$*" | plain; }
note() { printf '   %s\n' "$*"; }
plain() {
  if [[ -t 1 && -z ${NO_COLOR:-} ]]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi
}

write_config() {
  cat >"$SCRATCH/cutwater.yaml" <<YAML
state_dir: $SCRATCH/state
workers: 2
admin: {listen: "127.0.0.1:0"}
listeners: [{name: http, listen: "127.0.0.1:0"}]
services:
  shop:
    versions:
      blue: "http://127.0.0.1:$(sample_port blue)"
      green: "http://127.0.0.1:$(sample_port green)"
    stable: blue
    fallback: stable
YAML
}

start_load() {  # summary file, most seconds
  "$BUILD/tests/smoke/demo_load" "${HTTP##*:}" "$USERS" "$RATE" "$2" "$1" &
  LOAD=$!
}

stop_load() {
  kill -TERM "$LOAD" 2>/dev/null || true
  wait "$LOAD" || fail "the load generator ended badly"
}

weight_of() { admin_get /v1/services/shop/weights | jq -r --arg v "$1" '.weights[$v] // 0'; }

roll_out() {  # to; the exit status of the command line goes to STATUS
  STATUS=0
  "$BUILD/cutwater" rollout start shop --to "$1" --steps 5%,25%,100% --bake 2s --wait \
    --timeout 90s 2>&1 | sed 's/^/   | /' || STATUS=$?
}

expect_at_most() {  # what, value, limit
  [[ $2 =~ ^[0-9]+$ && $2 -le $3 ]] || fail "$1: $2, promised at most $3"
}

promote_good_version() {
  title "1. green is a good version: roll it out in steps of 5 %, 25 %, 100 %"
  note "cutwater rollout start shop --to green --steps 5%,25%,100% --bake 2s --wait"
  start_load "$SCRATCH/good.json" 100
  roll_out green
  sleep 1.2
  stop_load
  [[ $STATUS -eq 0 ]] || fail "the rollout of the good version ended with exit code $STATUS"
  [[ $(weight_of green) == 100 ]] || fail "green should have all the traffic, has $(weight_of green)"
  local errors back
  errors=$(jq -r .errors "$SCRATCH/good.json")
  back=$(jq -r .moves_back "$SCRATCH/good.json")
  note "promoted: exit code 0, green has 100 %"
  note "$(jq -r '"\(.requests) requests, failed for users: \(.errors), p99 \(.p99_ms) ms"' "$SCRATCH/good.json")"
  note "$(jq -r '"\(.moves) users moved to green, \(.moves_back) were moved back"' "$SCRATCH/good.json")"
  expect_at_most "requests failed for users" "$errors" 0
  expect_at_most "users moved back and forth" "$back" 0
}

revert_bad_version() {
  title "2. a bad version is deployed on blue: it answers every request with a 500"
  sample_admin blue -X POST -d '{"name":"blue-v2","error_rate":1}' >/dev/null
  note "cutwater rollout start shop --to blue --steps 5%,25%,100% --bake 2s --wait"
  start_load "$SCRATCH/bad.json" 100
  roll_out blue
  sleep 2.2
  stop_load
  [[ $STATUS -eq 3 ]] || fail "exit code $STATUS; 3 says 'rolled back by a guard'"
  [[ $(weight_of blue) == 0 ]] || fail "blue should have no traffic, has $(weight_of blue)"
  local reached errors
  reached=$(sample_admin blue | jq -r .requests)
  errors=$(jq -r .errors "$SCRATCH/bad.json")
  note "reverted by the guard: exit code 3, green has $(weight_of green) % again"
  note "requests that reached the bad version: $reached"
  note "$(jq -r '"\(.requests) requests by users, failed for users: \(.errors) (fallback: stable)"' "$SCRATCH/bad.json")"
  expect_at_most "requests that reached the bad version" "$reached" 24
  [[ $reached -ge 1 ]] || fail "no request reached the bad version, so nothing was shown"
  expect_at_most "requests failed for users" "$errors" 0
}

explain_decision() {
  title "3. why: the decision as it is kept in the history"
  local decision
  decision=$(admin_get '/v1/decisions?service=shop' |
    jq -ce 'if type == "array" then . else (.decisions // .items) end
            | map(select(.action == "rolled_back")) | last') || fail "no decision in the history"
  note "$(jq -r '"\(.time)  \(.action)  cause: \(.cause)"' <<<"$decision")"
  note "$(admin_get "/v1/rollouts/$(jq -r .rollout <<<"$decision")" | jq -r .reason)"
  note "evidence: $(jq -c .evidence <<<"$decision")"
}

main() {
  start_sample blue
  start_sample green
  write_config
  start_proxy
  title "Cutwater on http://$HTTP, admin API on $CUTWATER_ADMIN"
  note "$USERS users, $RATE requests a second; blue is live, green was just deployed"
  "$BUILD/cutwater" status shop
  promote_good_version
  revert_bad_version
  explain_decision
  title "As promised: the good version was promoted, the bad one reverted, no user saw a failure."
}

main
