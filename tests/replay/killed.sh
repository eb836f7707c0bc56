#!/usr/bin/env bash
# killed.sh ODB LOOP: a recording whose program or recorder was killed replays up to its last complete event, and ends.
set -uo pipefail
odb=$1 loop=$2
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-killed-XXXXXX")
failed=0
fail() { echo "FAILED: $*"; failed=1; }
trap '[ $failed = 1 ] && echo "kept: $dir" || rm -rf "$dir"' EXIT

# The program recorded by process $1: its child that is no watchdog, which is the recorder itself before it has its name.
program_of() {
    for p in $(pgrep -P "$1"); do
        case $(cat "/proc/$p/comm" 2>/dev/null) in odb-watchdog | "${odb##*/}") ;; *) echo "$p" ;; esac
    done
}

# once WHO SIGNAL EXPECTED-STATUS [ARG]
once() {
    rm -rf "$dir/rec"
    mkdir "$dir/rec"
    "$odb" record -o "$dir/rec" -- "$loop" ${4:+"$4"} > "$dir/out" 2> /dev/null < /dev/null &
    local recorder=$! program
    for _ in $(seq 1000); do
        [ -s "$dir/out" ] && break
        sleep 0.05
    done
    sleep 0.3
    program=$(program_of "$recorder")
    [ "$program" ] || { fail "$*: no program runs"; kill -9 "$recorder"; return; }
    if [ "$1" = program ]; then kill "-$2" "$program"; else kill "-$2" "$recorder"; fi
    for _ in $(seq 200); do
        kill -0 "$recorder" 2> /dev/null || break
        sleep 0.05
    done
    kill -9 "$program" 2> /dev/null # with the recorder gone, the program may live on
    wait "$recorder" 2> /dev/null
    timeout 60 "$odb" replay "$dir/rec" > "$dir/out2" 2> "$dir/err2"
    local got=$?
    [ $got = "$3" ] || fail "$*: replay's status is $got: $(head -2 "$dir/err2")"
    # the program may have got further than the recorder saw
    if [ ! -s "$dir/out2" ] || ! cmp -s -n "$(stat -c %s "$dir/out2")" "$dir/out" "$dir/out2"; then
        fail "$*: other output"
    fi
    grep -q -e "died" -e "unexpectedly" "$dir/err2" && fail "$*: $(cat "$dir/err2")"
}

for arg in "" print; do
    once program KILL 137 $arg
    once program TERM 143 $arg
    once recorder KILL 1 $arg
done
once program SEGV 139 print # without system calls it would wait for asynchronous signals: not recorded yet
exit $failed
