#!/usr/bin/env bash
# run_oracle.sh ODB ORACLE PROGRAM...: records, indexes and holds each program's database against the oracle.
set -uo pipefail
odb=$1 oracle=$2
shift 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0 total=0
for program in "$@"; do
    name=$(basename "$program")
    rm -rf "$tmp/rec"
    env -i PATH=/usr/bin setarch -R "$odb" record -o "$tmp/rec" -- "$program" one two >"$tmp/recorded" 2>"$tmp/err"
    if ! "$odb" index "$tmp/rec" >"$tmp/err" 2>&1; then
        echo "$name: odb index fails"
        cat "$tmp/err"
        bad=1
        continue
    fi
    env -i PATH=/usr/bin "$oracle" "$tmp/rec/index.db" "$program" one two >"$tmp/out" || bad=1
    grep -v '^oracle: ' "$tmp/out" | head -n 25
    n=$(sed -n 's/^oracle: \([0-9]*\) instructions.*/\1/p' "$tmp/out")
    echo "$name: $(grep '^oracle: ' "$tmp/out" | tail -n 1)"
    total=$((total + ${n:-0}))
done
echo "$total instructions stepped"
[ "$bad" = 0 ] || exit 1
[ "$total" -gt 0 ]
