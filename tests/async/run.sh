#!/usr/bin/env bash
# run.sh ODB BUILD_DIR N NAME...|all: programs that are interrupted anywhere, by timers and by other threads: what recorders that count
# with a hole in the count record and can never replay. Each is recorded N times; each recording replays with --check
# and prints what the recorded program printed, which tells where every interruption landed. One line each, with the
# medians of wall and of CPU seconds. ODB_TEST_KEEP: where a failed recording is kept.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
odb=$(readlink -f "$1") bin=$(readlink -f "$2") n=$3
shift 3
[ "$*" != all ] || set -- timer_loop_O0 timer_loop_O2 spin_flag two_loops python_timer node_cpu_prof
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

# Sets cmd; 77 when something is not installed.
command_of() {
    case $1 in
        timer_loop_O0) cmd=("$bin/async_timer_loop_O0" 150) ;;
        timer_loop_O2) cmd=("$bin/async_timer_loop_O2" 600) ;;
        spin_flag | two_loops) cmd=("$bin/async_$1") ;;
        python_timer)
            command -v /usr/bin/python3 >/dev/null || return 77
            cmd=(/usr/bin/python3 "$here/timer.py")
            ;;
        node_cpu_prof)
            command -v node >/dev/null || return 77
            cmd=(node --jitless --cpu-prof --cpu-prof-dir="$tmp/prof" "$here/profiled.js")
            ;;
        *) echo "no program $1"; return 1 ;;
    esac
}

timed() {
    local out=$1
    shift
    TIMEFORMAT='%R %U %S'
    { time timeout -k 5 120 "$@" </dev/null >"$out.out" 2>"$out.err"; } 2>"$tmp/time" 3>&-
    got=$?
}

wrong() {
    echo "FAILED $name, recording $i: $*"
    local keep=${ODB_TEST_KEEP:-/tmp}/async-$name
    rm -rf "$keep"
    cp -r "$tmp" "$keep"
    echo "  folder: $keep; repeat: $odb replay --check $keep/rec"
    failed=$((failed + 1))
}

median() { cut -d ' ' -f "$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

one() {
    : >record.times
    : >replay.times
    for ((i = 1; i <= n; i++)); do
        rm -rf rec
        timed record "$odb" record -o rec -- "${cmd[@]}"
        if [ "$got" != 0 ] || ! grep -q EXIT-SUCCESS record.out; then wrong "record: status $got: $(head -c 300 record.err)"; return; fi
        awk '{ print $1, $2 + $3 }' time >>record.times
        timed replay "$odb" replay --check rec
        [ "$got" = 0 ] || { wrong "replay: status $got: $(head -c 300 replay.err)"; return; }
        cmp -s record.out replay.out || { wrong "replay: other output: $(diff -a record.out replay.out | head -c 300)"; return; }
        cmp -s record.err replay.err || { wrong "replay: other stderr: $(diff -a record.err replay.err | head -c 300)"; return; }
        awk '{ print $1, $2 + $3 }' time >>replay.times
    done
    passed=$((passed + 1))
    awk -v name="$name" -v n="$n" -v a="$(median record.times 1)" -v b="$(median replay.times 1)" \
        -v acpu="$(median record.times 2)" -v bcpu="$(median replay.times 2)" 'BEGIN {
            printf "%-14s %2d recordings  record %6.2f s  replay %6.2f s  replay/record %.2f  (CPU %6.2f s, %6.2f s, %.2f)\n",
                name, n, a, b, b / a, acpu, bcpu, bcpu / acpu }'
}

passed=0 failed=0 skipped=0
for name in "$@"; do
    command_of "$name"
    case $? in
        0) one ;;
        77) echo "skipped $name: not installed"; skipped=$((skipped + 1)) ;;
        *) exit 1 ;;
    esac
done
echo "async: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
