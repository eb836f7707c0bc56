#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# kill.sh ODB LOOP: SIGKILL of the program, and of the recorder, in the middle of slow and of fast streams of events.
# Both leave a recording that replays to its last complete event.
set -uo pipefail
. "$(dirname "$0")/common.sh"
loop=$1

# start ARG...: records $loop in the background: $odb_pid, $program_pid
start() {
    rm -rf "$dir/rec" "$dir/recorded"
    "$odb" record -o "$dir/rec" -- "$loop" "$@" > "$dir/recorded" 2> "$dir/record.err" < /dev/null &
    odb_pid=$!
    program_pid=
    for _ in $(seq 500); do
        [ -s "$dir/recorded" ] && program_pid=$(head -n 1 "$dir/recorded") && [ -n "$program_pid" ] && return
        sleep 0.01
    done
    fail "the program did not start"
}

# What was written must come again, line by line; at most the last line may be short of its event.
prefix_replayed() {
    local what=$1
    local n
    n=$(wc -c < "$dir/out")
    [ "$n" -gt 0 ] && cmp -s -n "$n" "$dir/out" "$dir/recorded" || fail "$what: other output"
    [ $(($(wc -l < "$dir/recorded") - $(wc -l < "$dir/out"))) -le 1 ] || fail "$what: lines are missing"
}

for mode in slow fast; do
    for delay in 0.05 0.3; do
        start $mode
        sleep $delay
        kill -9 "$program_pid"
        wait $odb_pid
        [ $? = 137 ] || fail "program killed, $mode: odb's exit status"
        [ ! -e "$dir/rec/ring" ] || fail "program killed, $mode: ring was left"
        expect 137 "replay, program killed, $mode" "$odb" replay --check "$dir/rec"
        prefix_replayed "program killed, $mode"

        start $mode
        sleep $delay
        kill -9 $odb_pid
        wait $odb_pid 2> /dev/null
        for _ in $(seq 100); do
            grep -q '^State:	[RSDT]' "/proc/$program_pid/status" 2> /dev/null || break
            sleep 0.02
        done
        grep -q '^State:	[RSDT]' "/proc/$program_pid/status" 2> /dev/null && fail "recorder killed, $mode: the program lives on"
        expect 1 "replay, recorder killed, $mode" "$odb" replay --check "$dir/rec"
        says 'last complete event' "recorder killed, $mode"
        prefix_replayed "recorder killed, $mode"
    done
done

# SIGTERM to odb is passed on.
start slow
kill -TERM $odb_pid
wait $odb_pid
[ $? = 143 ] || fail "SIGTERM to odb"
expect 143 "replay after SIGTERM" "$odb" replay --check "$dir/rec"
finish
