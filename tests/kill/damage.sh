#!/usr/bin/env bash
# damage.sh ODB PROGRAM COUNT: a recording cut at COUNT random offsets, and with COUNT random bytes flipped. Replay must
# end in a clear error or at the last complete event: one line of text, never a crash or a hang; no output but the program's.
set -uo pipefail
odb=$1 program=$2 count=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
RANDOM=11
bad=0 clean=0 errors=0

"$odb" record -o "$tmp/whole" -- "$program" >"$tmp/want" || exit 1
size=$(stat -c %s "$tmp/whole/events")
mkdir "$tmp/rec"
cp -r "$tmp/whole/." "$tmp/rec/"

big_random() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }

try() {
    timeout 30 "$odb" replay --check "$tmp/rec" >"$tmp/out" 2>"$tmp/err"
    local status=$? out
    out=$(stat -c %s "$tmp/out")
    if [ $status -ge 124 ] || [ "$(wc -l <"$tmp/err")" -gt 3 ] || ! cmp -s -n "$out" "$tmp/out" "$tmp/want"; then
        echo "$1: status $status, $(head -c 300 "$tmp/err")"
        local keep=${ODB_TEST_KEEP:-/tmp}/damage-${1// /-}
        rm -rf "$keep"
        cp -r "$tmp/rec" "$keep"
        echo "  repeat: $odb replay --check $keep"
        bad=$((bad + 1))
    elif [ $status = 0 ]; then
        clean=$((clean + 1))
    else
        [ -s "$tmp/err" ] || { echo "$1: status $status without a message"; bad=$((bad + 1)); }
        errors=$((errors + 1))
    fi
}

for ((i = 0; i < count; i++)); do
    at=$(big_random "$size")
    head -c "$at" "$tmp/whole/events" >"$tmp/rec/events"
    try "cut at $at"
done
for ((i = 0; i < count; i++)); do
    # mostly in the event stream, sometimes in a captured file
    file=events
    [ $((i % 5)) != 4 ] || file=files/$(find "$tmp/whole/files" -type f -printf '%f\n' | sort | sed -n "$((1 + i / 5 % 3))p")
    at=$(big_random "$(stat -c %s "$tmp/whole/$file")")
    cp "$tmp/whole/events" "$tmp/rec/events"
    cp "$tmp/whole/$file" "$tmp/rec/$file"
    byte=$(od -An -tu1 -j "$at" -N1 "$tmp/rec/$file")
    printf "%b" "\\x$(printf %02x $((byte ^ (1 << (RANDOM % 8)))))" | dd of="$tmp/rec/$file" bs=1 seek="$at" conv=notrunc status=none
    try "flip $file $at"
    cp "$tmp/whole/$file" "$tmp/rec/$file"
done
echo "damage: $((2 * count)) recordings, $errors refused or cut short with a message, $clean replayed, $bad wrong"
[ "$bad" = 0 ]
