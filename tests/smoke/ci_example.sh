#!/usr/bin/env bash
# Runs config/examples/ci/deploy.sh as a CI job does, against sample services: a good version, on a
# port that the file does not know, passes; a bad one fails the job with the code that says why; and
# what is told arrives exactly once.
# usage: ci_example.sh BUILD_DIR
set -euo pipefail
BUILD=$(cd "${1:?usage: ci_example.sh BUILD_DIR}" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
DEPLOY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../config/examples/ci" && pwd)/deploy.sh

start_receiver() {  # writes one line for each message: webhook-id and type
  python3 - "$SCRATCH/hook.port" "$SCRATCH/messages" <<'PY' &
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[2], "a") as out:
            print(self.headers["webhook-id"], body["type"], file=out)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w") as out: print(server.server_port, file=out)
server.serve_forever()
PY
  await_file "$SCRATCH/hook.port" "$!"
}

deploy() {  # version; sets STATUS, the rollout goes to rollout.json
  STATUS=0
  GITHUB_RUN_ID=$1-1 PATH=$BUILD:$PATH "$DEPLOY" shop "$1" --steps 20%,100% --bake 1s \
    --timeout 90s >"$SCRATCH/rollout.json" || STATUS=$?
}

main() {
  start_sample blue
  start_sample green
  start_receiver
  export HOOK_SECRET=not-a-secret
  cat >"$SCRATCH/cutwater.yaml" <<YAML
state_dir: $SCRATCH/state
admin: {listen: "127.0.0.1:0"}
listeners: [{name: http, listen: "127.0.0.1:0"}]
notify:
  - {kind: webhook, url: "http://127.0.0.1:$(cat "$SCRATCH/hook.port")/", secret: "\${env:HOOK_SECRET}", on: [promoted, rolled_back]}
services:
  shop:
    versions: {blue: "http://127.0.0.1:$(sample_port blue)"}
    fallback: stable
YAML
  start_proxy
  "$BUILD/cutwater" notify test >/dev/null || fail "the test message did not arrive"
  "$BUILD/tests/smoke/demo_load" "${HTTP##*:}" 100 200 100 "$SCRATCH/load.json" &
  CUTWATER_ENDPOINTS=http://127.0.0.1:$(sample_port green) deploy green
  [[ $STATUS -eq 0 ]] || fail "the job of the good version ended with $STATUS"
  [[ $(jq -r .phase "$SCRATCH/rollout.json") == succeeded ]] || fail "no rollout on stdout"
  sample_admin blue -X POST -d '{"name":"blue-v2","error_rate":1}' >/dev/null
  deploy blue
  [[ $STATUS -eq 3 ]] || fail "the job of the bad version ended with $STATUS, expected 3"
  local i
  for ((i = 0; i < 100; i++)); do
    [[ $(grep -c 'rolled_back$' "$SCRATCH/messages") -ge 1 ]] && break
    sleep 0.1
  done
  [[ $(cut -d' ' -f1 "$SCRATCH/messages" | sort | uniq -d) == "" ]] || fail "a message came twice"
  [[ $(grep -c 'io.cutwater.promoted$' "$SCRATCH/messages") -eq 1 ]] || fail "promoted was not told once"
  [[ $(grep -c 'io.cutwater.rolled_back$' "$SCRATCH/messages") -eq 1 ]] || fail "rolled_back was not told once"
  "$BUILD/cutwater" dora --output json | jq -e '.deployments == 2 and .change_failure_rate.value == 0.5' \
    >/dev/null || fail "the DORA figures are wrong"
  printf 'ci_example: exit codes, rollout on stdout, notifications and DORA are in order\n'
}

main
