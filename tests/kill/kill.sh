#!/usr/bin/env bash
# kill.sh ODB VICTIM ROUNDS: SIGKILL at random moments to the program's first process, to the recorder, to one process of
# the tree (and some time later to the first), to all at once. What is on disk afterwards must replay with --check to the
# last complete event, and write what was written.
set -uo pipefail
odb=$1 victim=$(readlink -f "$2") rounds=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
RANDOM=${ODB_TEST_SEED:-7}
bad=0
modes=(program recorder one both)

# All processes below $1.
tree_of() {
    local p
    for p in $(ps -o pid= --ppid "$1" 2>/dev/null); do
        echo "$p"
        tree_of "$p"
    done
}

# The program recorded by process $1, and what it made: those below the recorder but for its watchdog, which has the
# recorder's name at first, as the program has before its execve.
recorded_by() {
    local p
    for p in $(tree_of "$1"); do
        case $(cat "/proc/$p/comm" 2>/dev/null) in odb-watchdog | "${odb##*/}") ;; *) echo "$p" ;; esac
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

random_sleep() { sleep "0.$(printf '%03d' $(($1 + RANDOM % $2)))"; }

# After the recorder's death nobody may run on unrecorded.
check_gone() {
    local p
    for _ in {1..50}; do
        for p in "$@"; do alive "$p" && sleep 0.1 && continue 2; done
        return
    done
    wrong "process $p outlives its recorder"
    kill -KILL "$@" 2>/dev/null
}

kill_them() {
    local -a all
    for _ in {1..200}; do
        mapfile -t all < <(recorded_by "$recorder")
        [ ${#all[@]} = 0 ] || break
        sleep 0.05
    done
    if [ ${#all[@]} = 0 ]; then wrong "nothing is running: $(head -c 200 "$tmp/err")"; return; fi
    case $who in
    program) kill -KILL "${all[0]}" ;;
    recorder) kill -KILL "$recorder" ;;
    both) kill -KILL "$recorder" "${all[@]}" 2>/dev/null ;;
    one)
        kill -KILL "${all[RANDOM % ${#all[@]}]}" 2>/dev/null
        random_sleep 0 200
        kill -KILL "${all[0]}" 2>/dev/null ;;
    esac
    case $who in recorder | both) check_gone "${all[@]}" ;; esac
}

for ((round = 0; round < rounds; round++)); do
    who=${modes[round % 4]}
    rm -rf "$tmp/rec"
    args=()
    [ "$who" != one ] || args=(private)
    "$odb" record -o "$tmp/rec" -- "$victim" "${args[@]}" >"$tmp/live" 2>"$tmp/err" &
    recorder=$!
    random_sleep 60 500
    kill_them
    for _ in {1..200}; do alive "$recorder" || break; sleep 0.05; done
    alive "$recorder" && { wrong "odb record does not end"; kill -KILL "$recorder"; }
    { wait "$recorder"; } 2>/dev/null
    status=$?
    case $who in program | one) [ "$status" = 137 ] ||
        wrong "odb record ends with status $status, not 137: $(head -c 200 "$tmp/err")" ;; esac
    timeout 120 "$odb" replay --check "$tmp/rec" >"$tmp/replayed" 2>"$tmp/err"
    status=$?
    [ "$status" = 137 ] || [ "$who" = recorder ] || [ "$who" = both ] ||
        wrong "replay ends with status $status: $(head -c 300 "$tmp/err")"
    [ "$status" -lt 124 ] || [ "$status" = 137 ] || wrong "replay crashes or hangs: status $status"
    grep -q 'differs from the recording' "$tmp/err" && wrong "$(head -c 300 "$tmp/err")"
    # Calls of several processes that were in the kernel at once may end in another order than they took effect.
    sort "$tmp/live" >"$tmp/live.sorted"
    sort "$tmp/replayed" >"$tmp/replayed.sorted"
    more=$(comm -13 "$tmp/live.sorted" "$tmp/replayed.sorted" | wc -l)
    less=$(comm -23 "$tmp/live.sorted" "$tmp/replayed.sorted" | wc -l)
    [ "$more" = 0 ] || wrong "replay writes $more lines that were not written"
    [ "$less" -le 12 ] || wrong "$less lines that were written are not replayed" # in the kernel at the end
    [ "$(wc -l <"$tmp/live")" -le 12 ] || [ -s "$tmp/replayed" ] || wrong "nothing is replayed: $(head -c 300 "$tmp/err")"
done
echo "kill: $rounds rounds, $bad wrong"
[ "$bad" = 0 ]
