#!/usr/bin/env bash
# soak.sh [N [BUILD [FILTER]]]: all tracee tests N times in a row (20), with other seeds for --chaos in each round.
# Every failure is told at once with its kept folder; ends with a list of the tests that failed and how often.
# Exit 0 when none did.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.." || exit

rounds=${1:-20} build=${2:-build} filter=${3:-tracee-}
log=$(mktemp)
kept=$PWD/$build/soak-failed
rm -rf "$kept"
: >"$log"

for ((round = 1; round <= rounds; round++)); do
    begun=$SECONDS
    ODB_TEST_ROUND=$round tests/run "$build" "$filter" >"$log.round" 2>&1
    grep '^FAILED' "$log.round" | grep -v '^FAILED:' >>"$log"
    if grep -q '^FAILED' "$log.round"; then
        mkdir -p "$kept/$round"
        cp "$log.round" "$kept/$round/log"
        mv "$build/test-failed" "$kept/$round/"
        sed -n '/^FAILED /,$p' "$log.round" | head -n 60
        echo "  the folders named above are now in $kept/$round/test-failed"
    fi
    echo "soak: round $round of $rounds: $(tail -n 1 "$log.round"), $((SECONDS - begun)) s"
done

failures=$(wc -l <"$log")
sort "$log" | uniq -c | sort -rn
rm -f "$log" "$log.round"
echo "soak: $rounds rounds, $failures failures"
[ "$failures" = 0 ]
