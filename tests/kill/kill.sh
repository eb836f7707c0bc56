#!/usr/bin/env bash
# kill.sh ODB VICTIM ROUNDS: SIGKILL to the program and to the recorder at random moments. What is on disk afterwards
# must replay with --check to the last complete event: every line that replay writes is a line that was written, in order.
set -uo pipefail
odb=$1 victim=$2 rounds=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
RANDOM=7
bad=0

# The program recorded by process $1: the newest process whose executable is the victim.
program_of() {
    local p
    for p in $(ps -o pid= --ppid "$1" 2>/dev/null); do
        [ "$(readlink "/proc/$p/exe" 2>/dev/null)" = "$(readlink -f "$victim")" ] && echo "$p" && return
        program_of "$p"
    done
}

alive() { case $(ps -o stat= -p "$1" 2>/dev/null) in '' | Z*) return 1 ;; esac; }

wrong() {
    echo "round $round ($who killed): $*"
    local keep=${ODB_TEST_KEEP:-/tmp}/kill-$who-$round
    rm -rf "$keep"
    cp -r "$tmp" "$keep"
    echo "  folder: $keep; repeat: $odb replay --check $keep/rec"
    bad=$((bad + 1))
}

for ((round = 0; round < rounds; round++)); do
    who=program
    [ $((round % 2)) = 0 ] || who=recorder
    rm -rf "$tmp/rec"
    "$odb" record -o "$tmp/rec" -- "$victim" >"$tmp/live" 2>"$tmp/err" &
    recorder=$!
    sleep "0.$(printf '%03d' $((60 + RANDOM % 400)))"
    program=$(program_of "$recorder" | head -n 1)
    if [ "$who" = program ]; then
        [ -n "$program" ] && kill -KILL "$program"
    else
        kill -KILL "$recorder"
    fi
    { wait "$recorder"; } 2>/dev/null
    status=$?
    if [ "$who" = recorder ] && [ -n "$program" ]; then # must not run on unrecorded
        for _ in {1..50}; do alive "$program" || break; sleep 0.1; done
        alive "$program" && { wrong "the program outlives its recorder"; kill -KILL "$program"; }
    elif [ "$who" = program ] && [ "$status" != 137 ]; then
        wrong "odb record ends with status $status, not 137: $(head -c 200 "$tmp/err")"
    fi
    timeout 60 "$odb" replay --check "$tmp/rec" >"$tmp/replayed" 2>"$tmp/err"
    status=$?
    [ "$status" = 137 ] || [ "$who" = recorder ] || wrong "replay ends with status $status: $(head -c 300 "$tmp/err")"
    [ "$status" -lt 124 ] || [ "$status" = 137 ] || wrong "replay crashes or hangs: status $status"
    grep -q 'differs from the recording' "$tmp/err" && wrong "$(head -c 300 "$tmp/err")"
    live=$(stat -c %s "$tmp/live") replayed=$(stat -c %s "$tmp/replayed")
    if ! cmp -s -n "$((live < replayed ? live : replayed))" "$tmp/live" "$tmp/replayed"; then
        wrong "replay writes something else"
    elif [ $((live - replayed)) -gt 200 ] || [ $((replayed - live)) -gt 200 ]; then
        wrong "$live bytes were written, $replayed are replayed"
    fi
done
echo "kill: $rounds rounds, $bad wrong"
[ "$bad" = 0 ]
