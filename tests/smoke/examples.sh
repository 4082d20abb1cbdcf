#!/usr/bin/env bash
# Runs `cutwater check` on every example configuration. Examples take secrets, lists and
# certificates from the environment and from files that are not here; any value does for a check,
# but two tokens may not share one.
# usage: examples.sh BUILD_DIR
set -euo pipefail
BUILD=$(cd "${1:?usage: examples.sh BUILD_DIR}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

make_files() {  # what an example may name: a secret, a list, a certificate, a revocation list
  printf 'an-example-secret-of-decent-length\n' >"$SCRATCH/secret"
  printf 'u1\nu2\n' >"$SCRATCH/list"
  mkdir "$SCRATCH/tls"
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=example \
    -keyout "$SCRATCH/tls/one.key" -out "$SCRATCH/tls/one.pem" 2>/dev/null
  : >"$SCRATCH/tls/issued.txt"
  openssl ca -gencrl -config <(printf '[ca]\ndefault_ca = us\n[us]\ndatabase = %s\n%s' \
    "$SCRATCH/tls/issued.txt" $'default_md = sha256\ndefault_crl_days = 1\n') \
    -cert "$SCRATCH/tls/one.pem" -keyfile "$SCRATCH/tls/one.key" -out "$SCRATCH/tls/one.crl" 2>/dev/null
  chmod 600 "$SCRATCH/secret" "$SCRATCH/tls/one.key"
}

check() {  # example; with the files above in place of its own
  local example variables
  example="$SCRATCH/$(basename "$1")"
  sed -E "s#\\\$\{file:[^}]*\.key\}#tls/one.key#; s#\\\$\{file:[^}]*\}#\${file:$SCRATCH/secret}#
    s#file: /etc/[a-z/]*\.txt#file: $SCRATCH/list#; s#, ocsp: tls/[a-z.]*##
    s#tls/[a-z-]*\.(pem|key|crl)#tls/one.\1#g" "$1" >"$example"
  mapfile -t variables < <(grep -oE '\$\{env:[A-Z0-9_]+\}' "$example" |
    sed -E 's/.*:(.*)\}/\1=an-example-secret-for-\1/; s/^(.*_URL=)/\1https:\/\/example.com\//' | sort -u)
  printf '%s: ' "$1"
  env "${variables[@]}" "$BUILD/cutwater" check -c "$example" 2>&1
}

status=0
make_files
for file in config/examples/*.yaml docker/cutwater.yaml; do
  check "$file" || status=1
done
exit "$status"
