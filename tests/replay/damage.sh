#!/usr/bin/env bash
# damage.sh ODB COUNT PROGRAM [ARG...]: COUNT recordings cut at a random byte and COUNT with one byte flipped. Replay ends in one
# clear line, having repeated a prefix of the output; never a crash or a hang.
set -uo pipefail
odb=$1 count=$2
shift 2
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-damage-XXXXXX")
failed=0
fail() { echo "FAILED: $*"; failed=1; }
trap '[ $failed = 1 ] && echo "kept: $dir" || rm -rf "$dir"' EXIT
RANDOM=${SEED:-42}

"$odb" record -o "$dir/rec" -- "$@" > "$dir/out" 2> /dev/null < /dev/null
bytes=$(stat -c %s "$dir/rec/events")

fresh() {
    rm -rf "$dir/bad"
    mkdir "$dir/bad"
    ln -s "$dir/rec/files" "$dir/bad/files"
    cp "$dir/rec/events" "$dir/bad/events"
}

try() {
    timeout 60 "$odb" replay "$dir/bad" > "$dir/out2" 2> "$dir/err2"
    local got=$?
    [ $got = 1 ] || fail "$1: status $got"
    [ "$(wc -l < "$dir/err2")" = 1 ] || fail "$1: $(head -3 "$dir/err2")"
    grep -q -e "died" -e "unexpectedly" "$dir/err2" && fail "$1: $(cat "$dir/err2")"
    cmp -s -n "$(stat -c %s "$dir/out2")" "$dir/out2" "$dir/out" || fail "$1: other output"
}

for _ in $(seq 1 "$count"); do
    at=$(((RANDOM * 32768 + RANDOM) % bytes))
    fresh
    truncate -s $at "$dir/bad/events"
    try "cut at $at"
    at=$(((RANDOM * 32768 + RANDOM) % bytes))
    fresh
    old=$(od -An -tu1 -j $at -N 1 "$dir/bad/events")
    printf '%b' "$(printf '\\x%02x' $((old ^ (1 + RANDOM % 255))))" | dd of="$dir/bad/events" bs=1 seek=$at conv=notrunc status=none
    try "flip at $at"
done
exit $failed
