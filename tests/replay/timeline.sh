#!/usr/bin/env bash
# timeline.sh ODB TEST_TIMELINE ROUNDS SEED PROGRAM [ARG...]: records PROGRAM and lets test_timeline go through the recording.
set -euo pipefail
odb=$1 test=$2 rounds=$3 seed=$4
shift 4
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-timeline-XXXXXX")
trap 'rm -rf "$dir"' EXIT
"$odb" record -o "$dir/rec" -- "$@" > /dev/null 2>&1 < /dev/null || true
echo "seed $seed: $*"
timeout 280 "$test" "$dir/rec" "$rounds" "$seed"
