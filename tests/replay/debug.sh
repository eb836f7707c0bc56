#!/usr/bin/env bash
# debug.sh ODB TEST_DEBUG PROGRAM [ARG...]: records PROGRAM and compares stops in a replay with the index log.
set -euo pipefail
odb=$1 test=$2
shift 2
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-debug-XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$odb" record -o "$dir" -- "$@" > /dev/null 2>&1 < /dev/null || true
for seed in $(seq "${ODB_TEST_SEEDS:-1}"); do
    "$test" "$dir" "$seed"
done
