#!/usr/bin/env bash
# seek.sh ODB TEST_SEEK MODE PROGRAM [ARG...]: records PROGRAM and lets test_seek loose on the recording.
set -euo pipefail
odb=$1 seek=$2 mode=$3
shift 3
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-seek-XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$odb" record -o "$dir" -- "$@" > /dev/null 2>&1 < /dev/null || true
"$seek" "$dir" 7 "$mode"
