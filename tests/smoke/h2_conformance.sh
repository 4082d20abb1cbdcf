#!/usr/bin/env bash
# Starts the proxy and asks it every case of h2_conformance.py, in cleartext and over TLS.
# usage: h2_conformance.sh BUILD_DIR
set -euo pipefail
BUILD=$(cd "${1:?usage: h2_conformance.sh BUILD_DIR}" && pwd)
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$HERE/common.sh"

main() {
  start_sample blue
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$SCRATCH/key.pem" -out "$SCRATCH/cert.pem" 2>/dev/null
  chmod 600 "$SCRATCH/key.pem"
  cat >"$SCRATCH/cutwater.yaml" <<YAML
state_dir: $SCRATCH/state
admin: {listen: "127.0.0.1:0"}
listeners:
  - {name: http, listen: "127.0.0.1:0"}
  - {name: tls, listen: "127.0.0.1:0", tls: {certificates: [{cert: $SCRATCH/cert.pem, key: $SCRATCH/key.pem}]}}
services:
  shop:
    versions: {blue: "http://127.0.0.1:$(sample_port blue)"}
    weights: {blue: 100%}
YAML
  start_proxy
  local tls
  tls=$(jq -re .listeners.tls "$SCRATCH/ready.json")
  printf 'cleartext: '
  python3 "$HERE/h2_conformance.py" --strict --quiet "$HTTP" || fail "HTTP/2 conformance in cleartext"
  printf 'TLS: '
  python3 "$HERE/h2_conformance.py" --strict --quiet --tls "$tls" || fail "HTTP/2 conformance over TLS"
}

main
