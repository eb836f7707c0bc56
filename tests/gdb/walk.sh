#!/usr/bin/env bash
# walk.sh ODB TEST_WALK MOVES SEED PROGRAM [ARG...]: records and indexes PROGRAM, and lets test_walk go through it with both
# kinds of targets, the one over the index and the one over a replay. (timeout gives the program default actions of signals, too.) Repeat a failure with the seed that is told.
set -euo pipefail
odb=$1 walk=$2 moves=$3 seed=$4
shift 4
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-walk-XXXXXX")
trap 'rm -rf "$dir"' EXIT
timeout 60 "$odb" record -o "$dir/rec" -- "$@" > /dev/null 2>&1 < /dev/null || true
timeout 200 "$odb" index "$dir/rec" > /dev/null 2>&1
for s in $(seq "$seed" $((seed + ${ODB_TEST_SEEDS:-1} - 1))); do # --all: more
    echo "seed $s: $*"
    timeout 280 "$walk" "$dir/rec" "$moves" "$s"
done
