#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# restart.sh ODB PROGRAM: a signal from outside interrupts a blocked read: EINTR, or with SA_RESTART the read goes on.
set -uo pipefail
. "$(dirname "$0")/common.sh"
program=$1
trap '' PIPE

# record ARG...: with two signals to the blocked program, then three lines of input, if it still reads
record() {
    rm -rf "$dir/rec" "$dir/pipe" "$dir/recorded"
    mkfifo "$dir/pipe"
    exec 8<> "$dir/pipe"
    timeout 30 "$odb" record -o "$dir/rec" -- "$program" "$@" < "$dir/pipe" > "$dir/recorded" 2> /dev/null &
    local job=$!
    for _ in $(seq 500); do
        [ -s "$dir/recorded" ] && break
        sleep 0.01
    done
    local pid
    pid=$(head -n 1 "$dir/recorded")
    for _ in 1 2; do
        sleep 0.2
        kill -USR1 "$pid"
    done
    for _ in 1 2 3; do
        sleep 0.1
        echo >&8
    done
    wait $job || fail "record $*: exit status $?"
    exec 8>&-
    expect 0 "replay $*" "$odb" replay --check "$dir/rec"
    cmp -s "$dir/out" "$dir/recorded" || fail "replay $*: other output"
}

record
[ "$(sed -n '2p;3p' "$dir/recorded")" = $'read -1 4, 1 handled\nread -1 4, 2 handled' ] || fail "EINTR: $(cat "$dir/recorded")"
record sa_restart
grep -q 'read -1' "$dir/recorded" && fail "SA_RESTART: $(cat "$dir/recorded")"
grep -q 'read 1 0, 2 handled' "$dir/recorded" || fail "SA_RESTART: $(cat "$dir/recorded")"
finish
