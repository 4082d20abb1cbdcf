# Shared by the scripts beside it: a scratch directory, child processes that never outlive the
# script, sample services and a proxy on ephemeral ports. Sourced, not run.
# shellcheck shell=bash

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/cutwater-smoke.XXXXXX")

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  local pid children
  mapfile -t children < <(jobs -pr)  # only those that still run: a number may have a new owner
  for pid in "${children[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${children[@]}"; do wait_or_kill "$pid"; done
  if [[ $status -ne 0 && -s $SCRATCH/proxy.log ]]; then
    printf '\n-- last lines of the proxy log\n' >&2
    tail -n 30 "$SCRATCH/proxy.log" >&2
  fi
  rm -rf "$SCRATCH"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A child that has not left after ten seconds is killed.
wait_or_kill() {
  local i
  for ((i = 0; i < 100; i++)); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

fail() { printf '\nFAILED: %s\n' "$*" >&2; exit 1; }

await_file() {  # path, pid of the process that writes it
  local i
  for ((i = 0; i < 200; i++)); do
    [[ -s $1 ]] && return
    kill -0 "$2" 2>/dev/null || fail "the process that should write $(basename "$1") has ended"
    sleep 0.05
  done
  fail "$(basename "$1") did not appear within 10 s"
}

start_sample() {  # name -> $SCRATCH/NAME.port
  "$BUILD/tests/smoke/sample_service" "$1" 0 "$SCRATCH/$1.port" &
  await_file "$SCRATCH/$1.port" "$!"
}

sample_port() { cat "$SCRATCH/$1.port"; }
sample_admin() {  # name, then curl arguments
  local name=$1
  shift
  curl -fsS "http://127.0.0.1:$(sample_port "$name")/_admin" "$@"
}

# Starts the proxy on $SCRATCH/cutwater.yaml and sets PROXY (pid), HTTP (ip:port of the listener
# named http) and CUTWATER_ADMIN.
start_proxy() {
  "$BUILD/cutwater" run -c "$SCRATCH/cutwater.yaml" --ready-file "$SCRATCH/ready.json" \
    >"$SCRATCH/proxy.log" 2>&1 &
  PROXY=$!
  await_file "$SCRATCH/ready.json" "$PROXY"
  HTTP=$(jq -re .listeners.http "$SCRATCH/ready.json")
  CUTWATER_ADMIN="http://$(jq -re .admin "$SCRATCH/ready.json")"
  export CUTWATER_ADMIN PROXY HTTP
}

admin_get() { curl -fsS "$CUTWATER_ADMIN$1"; }
