#!/usr/bin/env bash
# target_db.sh ODB TEST_TARGET_DB PROGRAM: records PROGRAM in each of its modes, and asks each recording's index
# random questions: the same ones in each run. More: ODB_TEST_SEED=N, or test_target_db REC ROUNDS SEED.
set -euo pipefail
odb=$1 test=$2 program=$3
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-target-XXXXXX")
trap 'rm -rf "$dir"' EXIT
for mode in threads tree signals crash crash-child vfork; do
    "$odb" record -o "$dir/$mode" -- "$program" "$mode" > /dev/null 2>&1 < /dev/null || true
    "$odb" index "$dir/$mode" > /dev/null
    echo "$mode"
    for seed in ${ODB_TEST_SEED:-1 5}; do
        timeout 100 "$test" "$dir/$mode" 300 "$seed"
    done
done
