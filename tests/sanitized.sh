#!/usr/bin/env bash
# sanitized.sh: the hosted parts once more under address, leak and undefined-behaviour sanitizers: every test but those of the engine
# alone and those that start the recorded program with LD_PRELOAD (ASan's runtime would have to come first).
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "$0")")")"

build='build-sanitized'
log=$build.log
trap 'rm -f "$log"' EXIT
{
    [ -f $build/build.ninja ] || meson setup $build -Db_sanitize=address,undefined
    ninja -C $build
} >"$log" 2>&1 || { tail -n 30 "$log"; exit 1; }

mapfile -t names < <(meson test -C $build --no-rebuild --no-suite slow --list 2>/dev/null | sed -n 's|^odb.* / ||p' |
    grep -v -E '^(walls|engine|oracle|program|model_oracle|decode|recorder-preload|kill|damage)')
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec meson test -C $build --no-rebuild --print-errorlogs -t 4 "${names[@]}"
