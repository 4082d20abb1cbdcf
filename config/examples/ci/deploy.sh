#!/bin/sh
# Brings a version of a service to the users, or takes it back; for any CI system.
#   deploy.sh SERVICE VERSION [cutwater rollout start options]
# Needs CUTWATER_ADMIN, CUTWATER_TOKEN and the cutwater binary in PATH. With CUTWATER_ENDPOINTS, URLs
# with blanks between, the version is put there first. Prints one line of JSON, the rollout as it
# ended, on stdout; what a person should read goes to stderr.
set -u
service=${1:?usage: deploy.sh SERVICE VERSION [options]}
version=${2:?usage: deploy.sh SERVICE VERSION [options]}
shift 2

# A pipeline that runs twice starts the rollout once; the commit's time gives the lead time.
key=${GITHUB_RUN_ID:-${CI_PIPELINE_ID:-}}
[ -z "$key" ] || set -- --idempotency-key "$service-$version-$key" "$@"
commit_time=$(git show -s --format=%cI 2>/dev/null) || commit_time=
[ -z "$commit_time" ] || set -- --commit-time "$commit_time" "$@"

say() { printf '%s\n' "$*" >&2; }

if [ -n "${CUTWATER_ENDPOINTS:-}" ]; then
  # shellcheck disable=SC2086 # a word for each endpoint
  cutwater versions put "$service" "$version" $CUTWATER_ENDPOINTS >&2 || exit
fi
cutwater rollout start "$service" --to "$version" --wait --output json "$@"
status=$?
case $status in
  0) say "$version of $service has all the traffic" ;;
  3) say "$version of $service was rolled back by a guard; users are on the version before" ;;
  4) say "somebody aborted the rollout" ;;
  5) say "still under way; it goes on without this job: cutwater rollout watch $service" ;;
  6) say "waiting for approval: cutwater rollout approve $service" ;;
  7) say "not enough traffic or evidence to judge $version" ;;
  8) say "another rollout is under way, or $version was rolled back before (--retry)" ;;
  9) say "CUTWATER_TOKEN is not good for this" ;;
  10) say "no Cutwater at ${CUTWATER_ADMIN:-http://127.0.0.1:9901}" ;;
  *) say "cutwater ended with $status" ;;
esac
exit $status
