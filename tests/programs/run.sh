#!/usr/bin/env bash
# run.sh ODB TRACEE_DIR NAME...|quick|slow|all: records real programs, replays each 3 times with --check, and compares
# output and exit status with the native run. One line each, with seconds of CPU and the recording's size.
# A failed program's folder is kept in $ODB_TEST_KEEP (or /tmp).
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
odb=$(readlink -f "$1") tracee_dir=$2
shift 2
# shellcheck source=tests/programs/programs.sh
. "$here/programs.sh"
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
ODB_TEST_KEEP=${ODB_TEST_KEEP:-/tmp}

names=()
for a in "$@"; do
    case $a in
        quick) names+=("${quick[@]}") ;;
        slow) names+=("${slow[@]}") ;;
        all) names+=("${quick[@]}" "${slow[@]}") ;;
        *) names+=("$a") ;;
    esac
done

# timed LABEL COMMAND...: out/LABEL.out, .err; sets $got and $cpu (seconds of user and system time)
timed() {
    local label=$1
    shift
    rm -f test.db*
    TIMEFORMAT='%U %S'
    { time timeout 900 "$@" </dev/null >"out/$label.out" 2>"out/$label.err"; } 2>out/time 3>&-
    got=$?
    cpu=$(awk 'END { printf "%.2f", $1 + $2 }' out/time)
}

wrong() {
    echo "FAILED $name: $*"
    [ ! -s out/why ] || head -n 8 out/why
    local keep=$ODB_TEST_KEEP/program-$name
    rm -rf "$keep"
    cp -r . "$keep"
    echo "  folder: $keep; repeat: cd $keep && $odb record ${opts[*]} -o again -- ${cmd[*]}; $odb replay --check again"
    failed=$((failed + 1))
}

same() {
    [ "$got" = "$status" ] || { tail -n 3 "out/$1.err" >out/why; wrong "$1: status $got, natively $status"; return 1; }
    cmp -s out/native.out "out/$1.out" || { diff out/native.out "out/$1.out" >out/why; wrong "$1: other output"; return 1; }
    cmp -s out/native.err "out/$1.err" || { diff out/native.err "out/$1.err" >out/why; wrong "$1: other stderr"; return 1; }
}

one() {
    cmd=() opts=()
    : >out/why
    "setup_$name" || { echo "skipped $name"; skipped=$((skipped + 1)); return; }
    timed native "${cmd[@]}"
    local native=$cpu record
    status=$got
    timed record "$odb" record ${opts[@]+"${opts[@]}"} -o rec -- "${cmd[@]}"
    record=$cpu
    same record || return
    local i
    for i in 1 2 3; do
        timed "replay$i" "$odb" replay --check rec
        same "replay$i" || return
    done
    if [[ $indexed == *" $name "* ]]; then
        timed index "$odb" index rec
        [ "$got" = 0 ] || { head -n 3 out/index.err >out/why; wrong "index: status $got"; return; }
        timed query "$odb" query rec "SELECT sum(length(text)) FROM output WHERE fd = 1"
        grep -q "$(stat -c %s out/native.out)" out/query.out || { cat out/query.* >out/why; wrong "query: bytes of output"; return; }
    fi
    printf '%-18s status %-3s native %6s s  record %6s s  replay %6s s  %8s KB\n' "$name" "$status" "$native" "$record" "$cpu" \
        "$(du -sk rec | cut -f1)"
    passed=$((passed + 1))
}

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
    tmp=$(mktemp -d)
    cd "$tmp" || exit 1
    mkdir out
    one
    cd / && rm -rf "$tmp"
done
echo "programs: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
