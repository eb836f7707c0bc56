#!/usr/bin/env bash
# run.sh [--status N | --status=N] [--no-index] [--no-chaos] [--refused] ODB PROGRAM [ARG...]
# Runs one tracee natively, then in every mode of odb, and compares output and exit status with the native run:
#
#   record, replay, replay --check, replay --check from a checkpoint at half the recording, index and query,
#   record --chaos and replay --check of that.
#
# --refused: the program uses what odb refuses by name, so messages of odb on stderr are no failure.
#
# ODB_TEST_SEEDS    how many seeds for --chaos (1; `./dev test --all` sets 5)
# ODB_TEST_ROUND    a number: other seeds in each round of soak.sh
# ODB_TEST_TIMEOUT  seconds for one command (60)
# Exit 0 passed, 77 skipped, 1 failed. A failed test's folder is kept in $ODB_TEST_KEEP (or /tmp) and named.
set -uo pipefail
exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-

status=0 index=yes chaos=yes refused=no
while :; do
    case $1 in
        --status) status=$2; shift 2 ;;
        --status=*) status=${1#*=}; shift ;;
        --no-index) index=no; shift ;;
        --no-chaos) chaos=no; shift ;;
        --refused) refused=yes; shift ;;
        *) break ;;
    esac
done
odb=$1 program=$2
shift 2
command="$program $*"

tmp=$(mktemp -d)
rec=$tmp/rec
here=$(dirname "$(readlink -f "$0")")
input=$here/stdin.txt

# fail WHAT [RECORD OPTION...]
fail() {
    echo "FAILED: $1"
    keep=${ODB_TEST_KEEP:-/tmp}/$(basename "$program")-$$
    mkdir -p "$(dirname "$keep")" && mv "$tmp" "$keep"
    echo "  folder: $keep"
    echo "  repeat: $odb record ${*:2} -o $keep/again -- $command < $input; $odb replay --check $keep/again"
    exit 1
}

# run NAME COMMAND...: output to $tmp/NAME.out and .err; sets $got.
run() {
    local name=$1
    shift
    ODB_DIR=$tmp/odb timeout -k 5 "${ODB_TEST_TIMEOUT:-60}" "$@" <"$input" >"$tmp/$name.out" 2>"$tmp/$name.err"
    got=$?
}

# same_as_native NAME [RECORD OPTION...]
same_as_native() {
    local name=$1
    shift
    [ $refused = no ] || sed -i '/^odb: /d' "$tmp/$name.err"
    [ "$got" = "$status" ] || { tail -n 5 "$tmp/$name.out" "$tmp/$name.err"; fail "$name: exit status $got, natively $status" "$@"; }
    cmp -s "$tmp/native.out" "$tmp/$name.out" || { diff "$tmp/native.out" "$tmp/$name.out" | head -n 10; fail "$name: other output" "$@"; }
    cmp -s "$tmp/native.err" "$tmp/$name.err" || { diff "$tmp/native.err" "$tmp/$name.err" | head -n 10; fail "$name: other stderr" "$@"; }
}

{ run native "$program" "$@"; } 2>/dev/null
if [ $got = 77 ]; then
    cat "$tmp/native.out"
    rm -rf "$tmp"
    exit 77
fi
[ $got = "$status" ] || { cat "$tmp/native.out"; fail "native: exit status $got, wanted $status"; }
grep -q EXIT-SUCCESS "$tmp/native.out" || fail "native: no EXIT-SUCCESS"

run record "$odb" record -o "$rec" -- "$program" "$@"
same_as_native record
run replay "$odb" replay "$rec"
same_as_native replay
run check "$odb" replay --check "$rec"
same_as_native check
run checkpoint "$odb" replay --check --from-checkpoint 50% "$rec"
same_as_native checkpoint

if [ $index = yes ]; then
    # The index takes as long as some hundred times the program: a run of its own, which programs that spin cut short.
    TRACEE_SHORT=1 run short "$odb" record --slice 1 -o "$tmp/rec-short" -- "$program" "$@"
    if [ "$got" != "$status" ] || ! grep -q EXIT-SUCCESS "$tmp/short.out"; then
        tail -n 5 "$tmp/short.out" "$tmp/short.err"
        fail "short: exit status $got"
    fi
    rec=$tmp/rec-short
    run index "$odb" index "$rec"
    [ $got = 0 ] || { cat "$tmp/index.err"; fail "index: status $got"; }
    run output "$odb" query "$rec" output
    [ $got = 0 ] || { cat "$tmp/output.err"; fail "query output: status $got"; }
    grep -q EXIT-SUCCESS "$tmp/output.out" || fail "query output: EXIT-SUCCESS is not in it"
    run regs "$odb" query "$rec" regs --at end
    grep -qi rip "$tmp/regs.out" || { cat "$tmp/regs.err"; fail "query regs --at end: status $got"; }
    run sql "$odb" query "$rec" 'SELECT count(*) > 10 FROM (SELECT 1 FROM reg_writes LIMIT 20)'
    grep -q 1 "$tmp/sql.out" || { cat "$tmp/sql.err"; fail "query sql: status $got, or no register writes"; }
fi

# Another order of the threads and processes for each seed; every test has its own seeds, the same in every run.
first_seed=$(($(printf '%s' "$command" | sed 's|.*/||' | cksum | cut -d ' ' -f 1) % 100000 + 10 * ${ODB_TEST_ROUND:-0}))
for ((seed = first_seed; seed < first_seed + ${ODB_TEST_SEEDS:-1}; seed++)); do
    [ $chaos = yes ] || break
    name=chaos-$seed
    run "$name" "$odb" record --chaos --seed "$seed" -o "$tmp/rec-$name" -- "$program" "$@"
    sed -i '/^odb: .*seed/d' "$tmp/$name.err"
    same_as_native "$name" --chaos --seed "$seed"
    run "$name-check" "$odb" replay --check "$tmp/rec-$name"
    same_as_native "$name-check" --chaos --seed "$seed"
done
chmod -R u+w "$tmp"
rm -rf "$tmp"
