#!/usr/bin/env bash
# tools/fuzz.sh SECONDS [TARGET...]: runs each fuzz target of tests/fuzz for so long, under address and undefined-behaviour
# sanitizers. New inputs stay in build-fuzz/corpus; what crashes a target is kept in build-fuzz/found.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

seconds=$1
shift
build='build-fuzz'
if [ ! -f "$build/build.ninja" ]; then
    CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined --buildtype=debugoptimized >/dev/null
fi
names=("$@")
if [ ${#names[@]} = 0 ]; then
    mapfile -t names < <(cd tests/fuzz && for f in fuzz_*.c; do f=${f#fuzz_}; echo "${f%.c}"; done)
fi
mkdir -p "$build/found"
bad=0
for name in "${names[@]}"; do
    ninja -C "$build" "tests/fuzz/fuzz_$name" >"$build/ninja.log" 2>&1 || { tail -n 20 "$build/ninja.log"; exit 1; }
    mkdir -p "$build/corpus/$name"
    log=$build/fuzz-$name.log
    if UBSAN_OPTIONS=halt_on_error=1 "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
        -artifact_prefix="$build/found/$name-" "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        echo "fuzz $name: nothing found, $(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\).*/\1 inputs in \2 s/p' "$log")"
    else
        tail -n 40 "$log"
        echo "fuzz $name: FOUND something, see $log and $build/found"
        bad=1
    fi
done
exit $bad
