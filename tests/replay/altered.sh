#!/usr/bin/env bash
# altered.sh ODB MUTATE PROGRAM [TREE]: records PROGRAM, alters the recording in one place at a time, and expects that
# replay says exactly where and what. Then random alterations: anything but a crash or a hang.
set -uo pipefail
odb=$1 mutate=$2 program=$3
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-altered-XXXXXX")
failed=0
fail() { echo "FAILED: $*"; failed=1; }
trap '[ $failed = 1 ] && echo "kept: $dir" || rm -rf "$dir"' EXIT

"$odb" record -o "$dir/rec" -- "$program" > "$dir/out" 2> "$dir/err" < /dev/null
status=$?
"$odb" replay --check "$dir/rec" > "$dir/out2" 2> "$dir/err2"
if [ $? != $status ] || ! cmp -s "$dir/out" "$dir/out2" || [ -s "$dir/err2" ]; then
    fail "the unaltered recording: $(head -1 "$dir/err2")"
fi

# alter WHAT N [CHECK]: the altered recording is in $dir/alt
alter() {
    rm -rf "$dir/alt"
    mkdir "$dir/alt"
    "$mutate" "$dir/rec" "$dir/alt" "$1" "$2" > "$dir/expect" || { fail "mutate $1 $2"; return 1; }
}

# shellcheck disable=SC2086 # two words each
for case in "reg 0" "reg 5" "reg 20" "tick 3" "tick 12" "nr 4" "input 0" "input 6" "drop 5" "exit 0" "page 0" "vector 0"; do
    alter ${case} || continue
    expect=$(cat "$dir/expect")
    [ -n "$expect" ] || { fail "$case: nothing to alter"; continue; }
    timeout 60 "$odb" replay --check "$dir/alt" > "$dir/out2" 2> "$dir/err2"
    got=$?
    [ $got = 1 ] || fail "$case: status $got"
    grep -q -e "$expect" "$dir/err2" || fail "$case: expected '$expect', got '$(head -c 300 "$dir/err2")'"
    [ "$(wc -l < "$dir/err2")" = 1 ] || fail "$case: not one line"
done

# Page hashes are looked at only with --check.
alter page 0 && { timeout 60 "$odb" replay "$dir/alt" > /dev/null 2> "$dir/err2"; [ $? = $status ] || fail "page without --check"; }

# Another input must be noticed: by the output, a divergence, or a page.
alter output 0 && {
    timeout 60 "$odb" replay --check "$dir/alt" > "$dir/out2" 2> "$dir/err2" && cmp -s "$dir/out" "$dir/out2" && fail "output 0: not noticed"
}

for n in $(seq "${NOISE_FROM:-1}" "${NOISE:-40}"); do
    alter noise "$n" || continue
    timeout 60 "$odb" replay --check "$dir/alt" > /dev/null 2> "$dir/err2"
    got=$?
    [ $got -ge 124 ] && [ $got != $status ] && fail "noise $n: status $got"
    grep -q -e "died" -e "unexpectedly" -e "panic" "$dir/err2" && fail "noise $n: $(head -1 "$dir/err2")"
done
# A tree of threads and processes: each random alteration must end in a report, too.
if [ -n "${4:-}" ]; then
    mv "$dir/rec" "$dir/single"
    timeout 60 "$odb" record -o "$dir/rec" -- "$4" > "$dir/out" 2> "$dir/err" < /dev/null
    status=$?
    timeout 60 "$odb" replay --check "$dir/rec" > "$dir/out2" 2> "$dir/err2"
    { [ $? = $status ] && cmp -s "$dir/out" "$dir/out2"; } || fail "the unaltered tree: $(head -1 "$dir/err2")"
    for n in $(seq "${NOISE_FROM:-1}" "${NOISE:-40}"); do
        what=noise
        [ $((n % 2)) = 0 ] || what=task
        alter $what "$n" || continue
        timeout 20 "$odb" replay --check "$dir/alt" > /dev/null 2> "$dir/err2"
        got=$?
        [ $got -ge 124 ] && [ $got != $status ] && fail "tree $what $n: status $got"
        grep -q -e "died" -e "unexpectedly" -e "panic" "$dir/err2" && fail "tree $what $n: $(head -1 "$dir/err2")"
    done
    rm -rf "$dir/rec"
    mv "$dir/single" "$dir/rec"
fi
for n in 3 4 5 10 50 80; do
    alter cut "$n" || continue
    timeout 60 "$odb" replay "$dir/alt" > /dev/null 2> "$dir/err2"
    [ $? = 1 ] || fail "cut $n"
    grep -q "no END event\|cut off" "$dir/err2" || fail "cut $n: $(head -1 "$dir/err2")"
done
exit $failed
