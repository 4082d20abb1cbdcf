#!/usr/bin/env bash
# Starts the proxy once and looks at it from outside: it proxies, says it is ready, its metrics are
# clean, its admin API answers, and SIGTERM ends it with status 0.
# usage: live.sh BUILD_DIR
set -euo pipefail
BUILD=$(cd "${1:?usage: live.sh BUILD_DIR}" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

expect_status() {  # url, status
  local got
  got=$(curl -s -o /dev/null -w '%{http_code}' "$1")
  [[ $got == "$2" ]] || fail "$1 answered $got, expected $2"
}

main() {
  start_sample blue
  start_sample green
  cat >"$SCRATCH/cutwater.yaml" <<YAML
state_dir: $SCRATCH/state
admin: {listen: "127.0.0.1:0"}
listeners: [{name: http, listen: "127.0.0.1:0"}]
drain_notice: 100ms
services:
  shop:
    versions: {blue: "http://127.0.0.1:$(sample_port blue)", green: "http://127.0.0.1:$(sample_port green)"}
    weights: {blue: 50%, green: 50%}
YAML
  "$BUILD/cutwater" check -c "$SCRATCH/cutwater.yaml"
  start_proxy
  local i
  for ((i = 0; i < 20; i++)); do
    curl -fsS "http://$HTTP/" | grep -Eq '^(blue|green) says hello$' || fail "no answer through the proxy"
  done
  expect_status "$CUTWATER_ADMIN/livez" 200
  expect_status "$CUTWATER_ADMIN/readyz" 200
  expect_status "$CUTWATER_ADMIN/v1/services/nobody" 404
  admin_get /v1/services/shop | jq -e '.weights.blue == 50' >/dev/null || fail "wrong weights"
  admin_get /metrics >"$SCRATCH/metrics.txt"
  promtool check metrics <"$SCRATCH/metrics.txt" || fail "promtool found fault with /metrics"
  local counted
  counted=$(awk '/^cutwater_requests_total\{/ {n += $NF} END {print n + 0}' "$SCRATCH/metrics.txt")
  [[ $counted -eq 20 ]] || fail "cutwater_requests_total adds up to $counted, expected 20"
  kill -TERM "$PROXY"
  wait "$PROXY" || fail "SIGTERM ended the proxy with status $?"
  printf 'live: proxying, probes, API, metrics and SIGTERM are in order\n'
}

main
